import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ENV } from "../../sidecar/contract/env.ts";
import { writeTerminationMessage } from "../../sidecar/kit/termination.ts";
import { sidecar } from "../support/child.ts";
import { tempFolder } from "../support/temp-files.ts";

test.each([[["srve"]], [[]], [["serve", "now"]], [["toString"]]])(
  "an unknown command %j ends with one sentence and exit code 2",
  async (command) => {
    const child = sidecar(command, {});
    expect(await child.exited).toBe(2);
    expect(child.output()).toMatch(/^Unknown command: [^\n]*\n$/);
  },
);

test("the sidecar prints its version and its usage", async () => {
  const version = sidecar(["--version"], {});
  const help = sidecar(["--help"], {});
  expect([await version.exited, await help.exited]).toEqual([0, 0]);
  expect(version.output()).toBe(`${manifest.version}\n`);
  expect(help.output()).toContain("guard | verify | serve | guard-and-serve | wait");
});

test("the sidecar replaces an earlier start's termination message, and creates no file", async () => {
  const folder = tempFolder();
  const file = join(folder, "log");
  const env = { [ENV.terminationLog]: file };
  writeTerminationMessage(env, "nobody reads this");
  await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  await writeFile(file, "a long line that an earlier start left");
  writeTerminationMessage(env, "CODE: why.");
  expect(await readFile(file, "utf8")).toBe("CODE: why.");
  expect(() => writeTerminationMessage({ [ENV.terminationLog]: "" }, "x")).not.toThrow();
});
