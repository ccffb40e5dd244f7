import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build } from "../../.ci/build.ts";
import { unfitNode } from "../../injector/cli/node-version.ts";

const folder = mkdtempSync(join(tmpdir(), "podrole-package-"));
const dist = join(folder, "dist");
const EXAMPLE = join(dist, "examples/deployment.yaml");
const EXPLAIN = ["explain", "-f", EXAMPLE, "--base-role-arn", "arn:aws:iam::111122223333:role/"];
beforeAll(() => build(dist));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs in an environment that has nothing but a home folder without a kubeconfig. */
function run(program: string, args: readonly string[]) {
  const env = { PATH: process.env["PATH"], HOME: folder };
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
  return { code: status, stdout, stderr };
}

describe("the package of the command line", () => {
  test("is packed by npm, and runs where it is installed without a network, as it depends on nothing", () => {
    const npm = (...args: readonly string[]): string =>
      execFileSync("npm", args, { cwd: folder, encoding: "utf8" }).trim();
    const packed = npm("pack", "--silent", "./dist");
    npm("install", "--silent", "--offline", "--global", "--prefix", join(folder, "global"), `./${packed}`);
    expect(readdirSync(join(folder, "global/lib/node_modules"))).toEqual(["podrole"]);
    const podrole = join(folder, "global/bin/podrole");
    expect(run(podrole, ["--version"])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
      stderr: "",
    });
    expect(run(podrole, ["check"]).stderr).toMatch(/^KUBECONFIG_MISSING: /);
    const page = join(folder, "roles.html");
    const base = EXPLAIN.slice(-2);
    expect(run(podrole, ["roles", "-f", EXAMPLE, ...base, "--html", page])).toMatchObject({
      code: 0,
      stdout: "",
    });
    // With its script and its style in it, which are in no file beside the program.
    expect(readFileSync(page, "utf8")).toMatch(/<style>:root\{[^]*<script>"use strict";/);
    const installed = readdirSync(join(folder, "global/lib/node_modules/podrole"));
    expect(installed).toEqual(expect.arrayContaining(["LICENSE", "sidecar.cjs", "examples"]));
    expect(installed.filter((name) => name.endsWith(".meta.json"))).toEqual([]);
  });

  test("runs from a copy of cli.mjs and the folder cli alone", () => {
    const copy = join(folder, "copy");
    mkdirSync(copy);
    for (const name of ["cli.mjs", "cli"]) cpSync(join(dist, name), join(copy, name), { recursive: true });
    const ran = run(process.execPath, [join(copy, "cli.mjs"), ...EXPLAIN]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(run(process.execPath, [join(copy, "cli.mjs"), "check"]).stderr).toMatch(/^KUBECONFIG_MISSING: /);
  });
});

/** Each version of Node in PATH and in PODROLE_TEST_NODES, which lists programs as PATH lists folders. */
function nodes(): readonly (readonly [version: string, program: string])[] {
  const { PATH = "", PODROLE_TEST_NODES = "" } = process.env;
  const inPath = PATH.split(delimiter).map((one) => join(one, "node"));
  const programs = [process.execPath, ...PODROLE_TEST_NODES.split(delimiter), ...inPath].filter(existsSync);
  const version = (program: string): string =>
    execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
  return [...new Map(programs.map((program) => [version(program), realpathSync(program)]))];
}

const isAlone = nodes().length === 1;
const why = isAlone ? " (skipped: neither PATH nor PODROLE_TEST_NODES has one)" : "";
test.skipIf(isAlone)(`other releases of Node are tried, too${why}`, () => {
  expect(nodes().map(([version]) => version)).toContain(process.version);
});

describe.for(nodes())("in Node %s, podrole", ([version, program]) => {
  const unfit = unfitNode(version, program);

  test.runIf(unfit !== undefined)("says in one sentence which Node it needs, and ends with 2", () => {
    for (const args of [["--version"], ["--help"], ["check"], EXPLAIN]) {
      expect(run(program, [join(dist, "cli.mjs"), ...args])).toEqual({
        code: 2,
        stdout: "",
        stderr: `${unfit}\n`,
      });
    }
  });

  test.runIf(unfit === undefined)("explains manifests, and loads all that it asks a cluster with", () => {
    const explained = run(program, [join(dist, "cli.mjs"), ...EXPLAIN]);
    expect(explained).toMatchObject({ code: 0, stderr: "" });
    expect(explained.stdout).toContain("podrole-sidecar");
    const checked = run(program, [join(dist, "cli.mjs"), "check"]);
    expect(checked).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^KUBECONFIG_MISSING: /) as string,
    });
  });
});
