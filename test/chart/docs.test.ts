import { describe, expect, test } from "vitest";
import { parsePage } from "../contract/docs/markdown.ts";
import { withSamples } from "../contract/docs/samples.ts";
import { commandsIn } from "../contract/docs/shell.ts";
import { PAGES, textOf } from "../contract/docs/tree.ts";
import { CHART, helm, KUBE_VERSION, whyNoHelm } from "../support/helm.ts";

/** Runs helm with the commands and values of the docs. */

const reason = whyNoHelm();

const COMMANDS = PAGES.flatMap((page) =>
  parsePage(page, textOf(page))
    .fences.filter(({ language }) => language === "sh")
    .flatMap(({ text }) => commandsIn(text))
    .filter(({ words: [program] }) => program === "helm")
    .map(({ words }): readonly [string, readonly string[]] => [
      `${page}: ${words.join(" ")}`,
      words.slice(1).map(withSamples),
    ]),
);

const VALUES = PAGES.flatMap((page) =>
  parsePage(page, textOf(page))
    .fences.filter(({ language, text }) => language === "yaml" && text.startsWith("# values.yaml"))
    .map(({ text, line }): readonly [string, string] => [`${page}:${line}`, text]),
);

/** A file that the reader has to write. */
const isTheirs = (word: string): boolean => /^[A-Z]+\.yaml$/.test(word);

describe.skipIf(reason !== undefined)(
  `helm accepts the commands and values of the docs${reason ? `: ${reason}` : ""}`,
  () => {
    test("the docs have commands and values", () => {
      expect(COMMANDS.length).toBeGreaterThan(5);
      expect(VALUES.length).toBeGreaterThan(1);
    });

    test.for(COMMANDS)("%s", ([, [verb = "", ...args]]) => {
      const help = helm([verb, "--help"]).stdout;
      const flags = args.filter((word) => word.startsWith("-")).map((word) => word.split("=")[0] ?? "");
      expect(flags.filter((flag) => !new RegExp(`(?:^|[\\s,])${flag}\\b`).test(help))).toEqual([]);
      const values = args.flatMap((word, index) => {
        const value = args[index + 1] ?? "";
        return (word === "--set" || word === "-f") && !isTheirs(value) ? [word, value] : [];
      });
      if (!args.includes("deploy/chart")) return;
      expect(helm(["template", "podrole", CHART, ...KUBE_VERSION, ...values])).toMatchObject({
        status: 0,
        stderr: "",
      });
    });

    test.for(VALUES)("the values of %s", ([, text]) => {
      expect(helm(["template", "podrole", CHART, ...KUBE_VERSION, "-f", "-"], text)).toMatchObject({
        status: 0,
        stderr: "",
      });
    });
  },
);
