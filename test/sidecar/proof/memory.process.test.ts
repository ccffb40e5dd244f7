import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { child } from "../../support/child.ts";
import { listening } from "../../support/listening.ts";
import { until } from "../../support/until.ts";

const PROVE = new URL("../../../sidecar/proof/prove.ts", import.meta.url).href;
/** Proves, says so and stays. What it knows by itself is found in its memory. */
const PROGRAM = `
  const { prove } = await import(process.env.PROVE);
  const [{ kind }] = await prove(["127.0.0.1"], { waitMs: 1000, port: Number(process.env.SERVICE) });
  console.log(kind);
  setInterval(() => process.env.KNOWN, 1000);
`;

test.runIf(process.platform === "linux")("a proof keeps no byte of an answer in its memory", async () => {
  const secret = ["wJalr", "XUtnF", "EMIK7"].join("");
  const known = ["bPxRf", "iCYEX", "AMPLE"].join("");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(`HTTP/1.1 200 OK\r\n\r\n${secret.repeat(10_000)}`));
  });
  const port = await listening(server);
  onTestFinished(() => void server.close());
  const env = { PROVE, SERVICE: String(port), KNOWN: known };
  const { pid, output } = child(["--input-type=module", "-e", PROGRAM], env);
  await until("the proof", () => output().includes("reachable") || undefined);
  expect([...foundIn(pid, [secret, known])]).toEqual([known]);
});

/** Which of these texts a process holds in memory that it can write to. */
function foundIn(pid: number, texts: readonly string[]): ReadonlySet<string> {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const found = new Set<string>();
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === "") continue;
    const bytes = Buffer.alloc(Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)));
    try {
      const length = readSync(memory, bytes, 0, bytes.length, BigInt(`0x${from}`));
      for (const text of texts) if (bytes.subarray(0, length).includes(text)) found.add(text);
    } catch {
      // The kernel's own pages cannot be read.
    }
  }
  closeSync(memory);
  return found;
}
