import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const CLI = fileURLToPath(new URL("../../injector/cli/main.ts", import.meta.url));
/** Where there is neither a kubeconfig nor anything else. */
const HOME = join(tmpdir(), "podrole-nobody");

/**
 * `podrole <args>` as a process of its own, without a kubeconfig at hand, and with every sign that colours are wanted
 * but for a terminal.
 */
export function podrole(args: readonly string[], input = ""): Promise<Run> {
  const env = { PATH: process.env["PATH"], HOME, TERM: "xterm-256color" };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** The path of a file with this content, which goes with the test. */
export function tempFile(content: string, name = "file"): string {
  const folder = mkdtempSync(join(tmpdir(), "podrole-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}
