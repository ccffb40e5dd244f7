import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { REGISTRY } from "../../../injector/model/version.ts";
import { executableOnPath } from "../../support/executable.ts";
import { tempFolder } from "../../support/temp-files.ts";

/** The steps of release.yml, run as GitHub runs them, with programs that write down how they are called. */

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly uses?: string;
}

export const TEXT = readFileSync(new URL("../../../.github/workflows/release.yml", import.meta.url), "utf8");
const { jobs } = parse(TEXT) as {
  readonly jobs: Readonly<Record<"build" | "publish", { readonly steps: readonly Step[] }>>;
};
/** Of the job that signs. */
export const PUBLISH = jobs.publish.steps;

const OF_SYSTEM = ["bash", "cat", "grep", "jq", "sha256sum", "tail"];

export const reason = executableOnPath("jq") === undefined ? "there is no jq" : undefined;

type Texts = Readonly<Record<string, string>>;

interface Machine {
  readonly env?: Texts;
  /** By their paths. */
  readonly files?: Texts;
  /** What each program does after it has written down its arguments, a script of sh. */
  readonly programs?: Texts;
}

export interface Ran {
  readonly status: number | null;
  /** The sentence with which it refuses. */
  readonly error?: string;
  /** The commands that it ran, of the machine's programs. */
  readonly calls: readonly string[];
  readonly outputs: string;
}

/** Runs the step of this name. */
export function ran(name: string, { env, files = {}, programs = {} }: Machine): Ran {
  const script = [...jobs.build.steps, ...PUBLISH].find((step) => step.name === name)?.run;
  if (script === undefined) throw new Error(`release.yml has no step ${name}.`);
  const folder = tempFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const [program, does] of Object.entries(programs)) {
    writeFileSync(join(bin, program), `#!/bin/sh\necho "${program} $*" >>"$CALLS"\n${does}\n`);
    chmodSync(join(bin, program), 0o755);
  }
  for (const program of OF_SYSTEM) {
    const installed = executableOnPath(program);
    if (programs[program] === undefined && installed !== undefined)
      symlinkSync(installed, join(bin, program));
  }
  const [calls, outputs] = [join(folder, "calls"), join(folder, "outputs")];
  const { status, stdout } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
    cwd: folder,
    env: { PATH: bin, HOME: "/root", CALLS: calls, GITHUB_OUTPUT: outputs, REGISTRY, ...env },
    encoding: "utf8",
  });
  const error = /^::error::(.*)$/m.exec(stdout)?.[1];
  const lines = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  return {
    status,
    ...(error === undefined ? {} : { error }),
    calls: lines(calls).split("\n").slice(0, -1),
    outputs: lines(outputs),
  };
}
