import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podrole } from "../../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "podrole-completion-"));
const script = (shell: string): string => join(folder, `completion.${shell}`);
beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await podrole(["completion", shell]);
    writeFileSync(script(shell), stdout);
  }
  mkdirSync(join(folder, "manifests"));
  for (const name of ["my pod.yaml", "web.yaml"]) writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The words that a shell offers for the last word of a command line. */
type Offered = (line: string) => readonly string[];

const run = (shell: string, ...args: readonly string[]): string =>
  execFileSync(shell, args, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: join(folder, "manifests"), TERM: "dumb" },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });

/** As bash's own line editor breaks a line into words: an equals sign is one. */
function inBash(line: string): readonly string[] {
  const words = line.split(/ |(=)/).filter((word) => word !== undefined);
  if (line.endsWith("=")) words.pop();
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _podrole; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return linesIn(run("bash", "--norc", "-uc", program, "bash", script("bash"), ...words));
}

/** What stands in the line after the key for completion; zsh tells what it offers only to a terminal. */
function inZsh(line: string): readonly string[] {
  const out = join(folder, "out");
  const program = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT=; autoload -U compinit; compinit -u -D; source \${(q)1}"
zpty -w shell 'tell() { print -r -- "$BUFFER" > ${out}; exit }; zle -N tell; bindkey "^Xt" tell'
zpty -w -n shell "$2"$'\\t'$'\\C-xt'
for try in {1..100}; do [ -s ${out} ] && break; zpty -r -t shell > /dev/null; sleep 0.05; done
cat ${out}; rm ${out}`;
  return linesIn(run("zsh", "-f", "-c", program, "zsh", script("zsh"), line)).map(lastWord);
}

const inFish: Offered = (line) =>
  linesIn(
    run("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script("fish"), line),
  ).map((one) => one.split("\t")[0] ?? "");

const linesIn = (text: string): readonly string[] => text.split("\n").filter((one) => one !== "");
const lastWord = (line: string): string => line.trim().replace(/.*[ =]/, "");

const why = (shell: string): string =>
  spawnSync(shell, ["-c", "true"]).error === undefined ? "" : ` (skipped: no ${shell})`;

/** Each has one answer. Of zsh nothing else can be seen. */
const CASES: readonly (readonly [line: string, word: string])[] = [
  ["podrole che", "check"],
  ["podrole explain --outp", "--output"],
  ["podrole explain -o js", "json"],
  ["podrole explain --source-o", "--source-override"],
  ["podrole inject --guard ver", "verify"],
  ["podrole trust-policy --document hub-t", "hub-trust"],
  ["podrole completion fi", "fish"],
  ["podrole help dem", "demo"],
  ["podrole explain -f we", "web.yaml"],
];

describe.for([
  ["bash", inBash],
  ["zsh", inZsh],
  ["fish", inFish],
] as const)("in %s", ([shell, offered]) => {
  test.skipIf(why(shell) !== "").for(CASES)(`${why(shell)}%s is completed by %s`, ([line, word]) => {
    expect(offered(line)).toEqual([word]);
  });
});

describe.for([
  ["bash", inBash],
  ["fish", inFish],
] as const)("in %s", ([shell, offered]) => {
  test.skipIf(why(shell) !== "")(`every command is offered${why(shell)}`, () => {
    expect(offered("podrole ")).toEqual(
      expect.arrayContaining(["explain", "inject", "trust-policy", "check", "demo", "version", "completion"]),
    );
  });

  test.skipIf(why(shell) !== "")(
    `files are offered where a file is wanted, and folders where a folder is${why(shell)}`,
    () => {
      const plain = (words: readonly string[]) =>
        words.map((word) => word.replaceAll("\\", "").replace(/\/$/, ""));
      expect(plain(offered("podrole explain -f "))).toEqual(
        expect.arrayContaining(["my pod.yaml", "web.yaml"]),
      );
      expect(plain(offered("podrole demo --examples "))).toEqual(["manifests"]);
      expect(offered("podrole explain -n ")).toEqual([]);
    },
  );

  test.skipIf(why(shell) !== "")(`a value is completed behind an equals sign${why(shell)}`, () => {
    expect(offered("podrole explain --output=js").map(lastWord)).toEqual(["json"]);
    expect(offered("podrole explain --output=").map(lastWord).toSorted()).toEqual(["json", "text"]);
  });
});

test("in bash, a second file is offered behind a first", () => {
  expect(inBash("podrole explain -f web.yaml m")).toEqual(["my pod.yaml", "manifests"].toSorted());
  expect(inBash("podrole explain -f web.yaml -o ")).toEqual(["text", "json"]);
});
