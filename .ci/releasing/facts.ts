import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "./request.ts";
import { run } from "./run.ts";

/** What each program prints if it is the one that is meant. */
const TOOLS: readonly (readonly [name: string, command: readonly string[], says: RegExp])[] = [
  ["git", ["git", "--version"], /^git version/],
  ["npm", ["npm", "--version"], /^\d/],
  ["GNU tar", ["tar", "--version"], /GNU tar/],
  ["gzip", ["gzip", "--version"], /^gzip/],
  ["helm", ["helm", "version", "--short"], /v[34]\./],
  ["docker with buildx", ["docker", "buildx", "version"], /buildx/],
];

export const missingTools = (): readonly string[] =>
  TOOLS.filter(([, [program = "", ...args], says]) => {
    const { status, stdout } = spawnSync(program, args, { encoding: "utf8" });
    return status !== 0 || !says.test(stdout);
  }).map(([name]) => name);

/** @param root  a tree that git knows */
export function factsOf(root: string): Facts {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const manifest = JSON.parse(read("package.json")) as { readonly version: string };
  const chart = read("deploy/chart/Chart.yaml");
  const ofChart = (key: string): string =>
    new RegExp(`^${key}: *"?([^"\\s]+)`, "m").exec(chart)?.[1] ?? "nothing";
  return {
    cwd: process.cwd(),
    root,
    versions: {
      "package.json": manifest.version,
      "the version in deploy/chart/Chart.yaml": ofChart("version"),
      "the appVersion in deploy/chart/Chart.yaml": ofChart("appVersion"),
    },
    changes: run("git", ["-C", root, "status", "--porcelain"]),
    missing: missingTools(),
    isFilled,
  };
}

/** Whether a release would be written over something: a file, or a folder with anything in it. */
export const isFilled = (path: string): boolean =>
  existsSync(path) && (!statSync(path).isDirectory() || readdirSync(path).length > 0);
