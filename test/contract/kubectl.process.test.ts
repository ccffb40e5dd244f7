import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { executableOnPath } from "../support/executable.ts";
import { programIn } from "./docs/commands.ts";
import { parsePage } from "./docs/markdown.ts";
import { commandsIn } from "./docs/shell.ts";
import { PAGES, textOf } from "./docs/tree.ts";

/** Asks kubectl about the commands of the docs: docs.test.ts has lists, since it runs without kubectl. */

const KUBECTL = executableOnPath("kubectl");
const reason = KUBECTL === undefined ? ": there is no kubectl" : "";
const help = (...args: readonly string[]): string =>
  spawnSync(KUBECTL ?? "", args, { encoding: "utf8", env: {} }).stdout;

/** By verb, or by verb and what follows it where that has flags of its own: all flags that the pages use. */
const USED = Map.groupBy(
  PAGES.flatMap((page) =>
    parsePage(page, textOf(page))
      .fences.filter(({ language }) => language === "sh")
      .flatMap(({ text }) => commandsIn(text))
      .map(({ words }) => programIn(words))
      .filter(([program]) => program === "kubectl")
      .flatMap(([, ...args]) => flagsByVerb(args)),
  ),
  ({ verb }) => verb,
);

function flagsByVerb(args: readonly string[]): readonly { readonly verb: string; readonly flag: string }[] {
  const own = args.slice(0, (args.indexOf("--") + 1 || Infinity) - 1);
  const words = own.filter(
    (word, at) => !word.startsWith("-") && !/^(?:-n|--context)$/.test(own[at - 1] ?? ""),
  );
  const deep = ["create", "rollout", "auth"].includes(words[0] ?? "") && /^[a-z-]+$/.test(words[1] ?? "");
  // Secrets have types.
  const deeper = words[1] === "secret" && words[0] === "create";
  const verb = words.slice(0, deeper ? 3 : deep ? 2 : 1).join(" ");
  const flags = own.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split("=")[0] ?? "");
  return ["--help", ...flags].map((flag) => ({ verb, flag }));
}

describe.skipIf(reason !== "")(`kubectl${reason}`, () => {
  test("has every command and every flag of the docs", () => {
    const everywhere = help("options");
    const strange = [...USED].flatMap(([verb, uses]) => {
      const said = help(...verb.split(" "), "--help");
      const flags = [...new Set(uses.map(({ flag }) => flag))].filter((flag) => flag !== "--help");
      const unknown = flags.filter((flag) => !hasFlag(`${said}\n${everywhere}`, flag));
      return said.includes("Usage:") ? unknown.map((flag) => `${verb} ${flag}`) : [verb];
    });
    expect(USED.size).toBeGreaterThan(10);
    expect(strange).toEqual([]);
  });
});

/** `-it` is two of one letter. */
const hasFlag = (text: string, flag: string): boolean =>
  /^-[a-z]{2,}$/i.test(flag)
    ? flag
        .slice(1)
        .split("")
        .every((letter) => hasFlag(text, `-${letter}`))
    : new RegExp(`(?:^|[\\s,])${flag}[=:,\\s]`, "m").test(text);
