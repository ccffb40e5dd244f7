import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { CLI, HOME } from "../../support/cli.ts";
import { tempFile } from "../../support/temp-files.ts";

const MANY_PODS = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n---\n".repeat(300);

/** With every sign that colours are wanted but for a terminal. */
function start(...args: readonly string[]) {
  const env = { PATH: process.env["PATH"], HOME, TERM: "xterm-256color" };
  const child = spawn(process.execPath, [CLI, ...args], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("the process podrole reads standard input, writes without colours, and exits with the command's code", async () => {
  const child = start("explain", "-f", "-");
  child.stdin.end(MANY_PODS);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  expect(stdout.match(/^Pod default\/p$/gm)).toHaveLength(300);
  expect(stdout).not.toContain("\u001b");
});

test("the process podrole writes colours into a pipe with FORCE_COLOR, and nothing else on standard error", async () => {
  const env = { PATH: process.env["PATH"], HOME, FORCE_COLOR: "1" };
  const child = spawn(process.execPath, [CLI, "explain", "-f", tempFile(MANY_PODS)], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(stdout).toContain("\u001b[1m");
  expect(stderr).toBe("");
});

test("the process podrole ends quietly when its reader closes the pipe", async () => {
  const child = start("explain", "-f", tempFile(MANY_PODS));
  child.stdout.once("data", () => child.stdout.destroy());
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
});
