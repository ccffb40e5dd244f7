import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { executableOnPath } from "../support/executable.ts";
import { tempFolder } from "../support/temp-files.ts";

/** What `.ci/run` says of programs that it could not get, on a machine where every suite passes and nothing can be installed. */

const SCRIPTS = fileURLToPath(new URL("../../.ci", import.meta.url));
const OF_SYSTEM = [
  "bash",
  "cat",
  "dirname",
  "env",
  "head",
  "mkdir",
  "mktemp",
  "rm",
  "sed",
  "tail",
  "tee",
  "timeout",
];

function script(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/** @returns a tree with these scripts of `.ci` as they are, and programs that succeed or fail. */
function machine(...scripts: readonly string[]): { readonly tree: string; readonly path: string } {
  const tree = tempFolder();
  const path = join(tree, "bin");
  mkdirSync(join(tree, ".ci"));
  mkdirSync(path);
  for (const name of scripts) cpSync(join(SCRIPTS, name), join(tree, ".ci", name));
  for (const name of OF_SYSTEM) symlinkSync(executableOnPath(name) ?? "", join(path, name));
  // Not root.
  script(join(path, "id"), "echo 1000");
  for (const name of ["go", "python3"]) script(join(path, name), "exit 1");
  return { tree, path };
}

function ran(words: readonly string[], { tree, path }: ReturnType<typeof machine>, strict: string) {
  const [program = "", ...args] = words;
  const env = { PATH: path, HOME: tree, PODROLE_CI_STRICT: strict };
  const { status, stdout } = spawnSync(join(tree, program), args, { env, encoding: "utf8" });
  return { status, stdout };
}

/** @param npm  what else npm does, a script of sh */
function ofRun(strict: string, npm = "") {
  const there = machine("run");
  script(join(there.path, "npm"), `${npm}\ncase "$1" in install) exit 1 ;; esac`);
  const failing = ["kube-assets", "istio-iptables"];
  for (const name of failing) script(join(there.tree, ".ci", name), "exit 1");
  script(join(there.tree, ".ci/lint-workflows"), "");
  return ran([".ci/run"], there, strict);
}

const MISSING = [
  "could not be looked for: Debian's packages, which only root installs, with apt-get",
  "could not be installed: Node 20",
  "could not be installed: Node 22",
  "could not be built: istio-iptables",
  "could not be built: etcd, Kubernetes' programs and helm; the suites say what they skip",
  "could not be installed: moto; the suite says what it skips",
  "could not be installed: the AWS SDK for JavaScript v2; the suite says what it skips",
];

test("a run says what it could not get, and passes", () => {
  const { status, stdout } = ofRun("");
  expect(stdout.match(/^could not .*/gm)).toEqual(MISSING);
  expect(status).toBe(0);
});

test("a run with PODROLE_CI_STRICT=yes fails, and lists last what it could not get", () => {
  const { status, stdout } = ofRun("yes");
  expect(stdout).toContain(`\n=== failed\n${MISSING.join("\n")}\n`);
  expect(status).toBe(1);
});

test("a run lists last which suites failed, with what they printed, also of those that run beside others", () => {
  const { status, stdout } = ofRun(
    "",
    'case "$2" in test:imds | test:cluster) echo "of $2"; exit 1 ;; test:sdk) echo "of $2" ;; esac',
  );
  const [, atEnd = ""] = stdout.split("\n--- npm run test:cluster\n");
  expect(atEnd).toBe(
    "of test:cluster\n\n--- npm run test:imds\nof test:imds\n\n=== failed\nnpm run test:cluster\nnpm run test:imds\n",
  );
  expect(stdout).toContain("\n=== npm run test:sdk\nof test:sdk\n");
  expect(status).toBe(1);
});

test.for([
  ["", 0],
  ["yes", 1],
] as const)(
  "workflows that neither actionlint nor zizmor could look at: with PODROLE_CI_STRICT=%j the check ends with %i",
  ([strict, code]) => {
    const { status, stdout } = ran([".ci/lint-workflows"], machine("lint-workflows"), strict);
    expect(stdout).toMatch(/^actionlint v[\d.]+ could not be built, so it was not asked: /);
    expect(status).toBe(code);
  },
);
