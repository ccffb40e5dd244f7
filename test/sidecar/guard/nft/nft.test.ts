import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { failure, nft } from "../../../../sidecar/guard/nft/nft.ts";
import { RunFailure } from "../../../../sidecar/guard/run-program.ts";
import { tempFolder } from "../../../support/temp-files.ts";

const EXIT_1 = new Error("Command failed: nft -f -");

test.each([
  [
    "root without NET_ADMIN",
    "GUARD_NO_CAPABILITY",
    "netlink: Error: cache initialization failed: Operation not permitted\n",
  ],
  ["an ordinary user", "GUARD_NO_CAPABILITY", "Operation not permitted (you must be root)\nnetlink: Error\n"],
  [
    "no nf_tables",
    "GUARD_NO_PACKET_FILTER",
    "netlink: Error: cache initialization failed: Invalid argument\n",
  ],
  ["no nfnetlink", "GUARD_NO_PACKET_FILTER", "Unable to initialize Netlink socket: Protocol not supported\n"],
  [
    "a kernel before 5.16",
    "GUARD_NO_EGRESS_HOOK",
    "/dev/stdin:60:9-14: Error: Could not process rule: Operation not supported\n  chain egress {\n        ^^^^^^\n",
  ],
  [
    "a kernel without netdev tables",
    "GUARD_NO_EGRESS_HOOK",
    "/dev/stdin:43:11-16: Error: Could not process rule: Operation not supported\ntable netdev podrole_guard {\n",
  ],
  [
    "an nft that does not know the word",
    "GUARD_NO_EGRESS_HOOK",
    "/dev/stdin:61:22-27: Error: syntax error, unexpected string\n type filter hook egress devices = {\n",
  ],
  [
    "a kernel without reject",
    "GUARD_NOT_APPLIED",
    "/dev/stdin:9:30-40: Error: Could not process rule: No such file or directory\n  reject with tcp reset\n",
  ],
  ["nothing said", "GUARD_NOT_APPLIED", ""],
])("nft's message on %s becomes %s", (_, code, stderr) => {
  expect(failure(new RunFailure(EXIT_1, stderr))).toMatchObject({
    code,
    remedy: expect.stringMatching(/\.$/),
  });
});

test("the message says that nft did not end when it was killed after 10 seconds", () => {
  expect(failure(new RunFailure(Object.assign(new Error("killed"), { killed: true }), "")).message).toContain(
    "10 seconds",
  );
});

test("an nft that may not be started is GUARD_NO_CAPABILITY", () => {
  expect(failure(new RunFailure(Object.assign(new Error("spawn EPERM"), { code: "EPERM" }), "")).code).toBe(
    "GUARD_NO_CAPABILITY",
  );
});

describe("the guard, running a stand-in for nft,", () => {
  let folder: string;
  beforeEach(() => {
    folder = tempFolder();
  });

  async function program(text: string): Promise<void> {
    await writeFile(join(folder, "nft"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  test("fails with GUARD_NO_PACKET_FILTER when there is no nft", async () => {
    await expect(nft(folder).apply("")).rejects.toMatchObject({ code: "GUARD_NO_PACKET_FILTER" });
  });

  test("passes the script on standard input, and only the PATH and the C locale as environment", async () => {
    await program(`{ echo "$@"; while read -r line; do echo "$line"; done; export -p; } > ${folder}/seen`);
    await nft(folder).apply("add table inet t\n");
    const seen = await readFile(join(folder, "seen"), "utf8");
    expect(seen).toMatch(/^-f -\nadd table inet t\n/);
    expect(seen).toMatch(/LC_ALL='?C'?$/m);
    expect(seen).not.toMatch(/HOME|USER/);
  });

  test("reports nft's message when nft ends before it has read a long script", async () => {
    await program("echo 'Error: Operation not permitted' >&2; exit 1");
    await expect(nft(folder).apply("#".repeat(1_000_000))).rejects.toMatchObject({
      code: "GUARD_NO_CAPABILITY",
    });
  });

  test("fails with GUARD_NO_PACKET_FILTER when nft does not list JSON", async () => {
    await program("echo Error: JSON support not compiled-in");
    await expect(nft(folder).list(["inet"])).rejects.toMatchObject({ code: "GUARD_NO_PACKET_FILTER" });
  });
});
