import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { verifyMain } from "../../../sidecar/guard/verify.ts";
import { prove } from "../../../sidecar/proof/prove.ts";
import { listening } from "../../support/listening.ts";
import { tempFolder } from "../../support/temp-files.ts";

const SECRET = "wJalrXUtnFEMI";
const HERE = "127.0.0.1";

test.each([
  ["the body", `HTTP/1.1 200 OK\r\n\r\n${SECRET}`],
  ["a header of a refusal", `HTTP/1.1 401 Unauthorized\r\nX: ${SECRET}\r\n\r\n`],
  ["the reason of a refusal", `HTTP/1.1 401 ${SECRET}\r\n\r\n`],
  ["the place of a redirect", `HTTP/1.1 302 Found\r\nLocation: http://${SECRET}/\r\n\r\n`],
  ["the version", `HTTP/${SECRET} 401 Unauthorized\r\n\r\n`],
  ["the status", `HTTP/1.1 ${SECRET}\r\n\r\n`],
  ["half an answer", `HTTP/1.1 401 ${SECRET}`],
  ["every byte", SECRET],
])("the guard in mode verify prints nothing of an answer when %s is secret", async (_, answer) => {
  const terminationLog = join(tempFolder(), "termination-log");
  writeFileSync(terminationLog, "");
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => socket.end(answer));
  });
  const port = await listening(server);
  onTestFinished(() => void server.close());
  let said = "";
  const say = (lines: string): void => void (said += lines);
  const env = { [ENV.terminationLog]: terminationLog, [ENV.logLevel]: "trace" };
  const exit = await verifyMain(env, {
    prove: (_addresses, options) => prove([HERE], { ...options, port }),
    stdout: say,
    stderr: say,
    now: () => 0,
  });
  expect(exit).toBe(17);
  const printed = said + readFileSync(terminationLog, "utf8");
  expect(printed).toContain("METADATA_REACHABLE");
  expect(printed).toContain('"outcome":{"kind":"answered"');
  for (let at = 0; at + 4 <= SECRET.length; at += 1) expect(printed).not.toContain(SECRET.slice(at, at + 4));
});
