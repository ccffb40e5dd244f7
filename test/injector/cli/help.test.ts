import { describe, expect, test } from "vitest";
import { EXAMPLES } from "../../../injector/cli/examples.ts";
import { podroleCommand } from "../../../injector/cli/podrole.ts";
import { complaintsAbout } from "../../contract/docs/commands.ts";
import { podrole } from "../../support/cli.ts";

const helpOf = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await podrole(args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
};

const COMMANDS = podroleCommand().commands.map((command) => command.name());

describe("podrole --help", () => {
  test("lists every command with one line below a heading of its group", async () => {
    const help = await helpOf("--help");
    expect(help).not.toContain("\nCommands:");
    for (const command of COMMANDS) expect(help).toMatch(new RegExp(`^ {2}${command} .{20,}`, "m"));
    expect(help).toMatch(/\n\nPods and their roles:\n {2}explain .+\n {2}inject .+\n {2}roles .+\n\n/);
    expect(await helpOf("help")).toBe(help);
  });

  test("shows examples, and what the exit codes mean", async () => {
    const help = await helpOf("--help");
    expect(help).toContain("\nExamples:\n  # ");
    expect(help).toMatch(/\nExit codes:\n {2}0 {2}fine\n/);
  });
});

describe("podrole COMMAND --help", () => {
  test.for(["explain", "inject", "trust-policy"])(
    "of %s shows its own options before the others",
    async (name) => {
      const help = await helpOf(name, "--help");
      const headings = [...help.matchAll(/^\S.*:$/gm)].map(([heading]) => heading);
      const own = headings.filter((one) => one !== "Arguments:");
      expect([own[0], own.at(-2)]).toEqual(["Options:", "Settings of the installation:"]);
    },
  );

  test.for(["explain", "inject", "trust-policy"])("of %s leaves the settings to --help-all", async (name) => {
    const [some, all] = [await helpOf(name, "--help"), await helpOf(name, "--help-all")];
    expect(some).toContain("--config <file>");
    expect(some).not.toContain("--sts-endpoint");
    expect(some).toMatch(/--help-all shows all \d\d\./);
    expect(all).toContain("--sts-endpoint");
    expect(all).not.toContain("--help-all shows all");
    expect(all.length).toBeGreaterThan(some.length * 2);
  });

  test("takes a setting that it does not show", async () => {
    const { stderr } = await podrole(["inject", "-f", "-", "--guard", "sometimes"], "{}");
    expect(stderr).toContain("--guard");
    expect(stderr).not.toContain("unknown option");
  });
});

const LINES = Object.values(EXAMPLES).flatMap((lines) => Object.keys(lines));

test.for(LINES)("the example podrole %s has no character that a shell expands", (line) => {
  expect(line.replaceAll(/'[^']*'/g, "")).not.toMatch(/[*?[\]{}~$;&|<>`"\\!]/);
});

test.for(LINES)("the example podrole %s is a command line that podrole takes", (line) => {
  const words = ["podrole", ...line.split(" ")];
  const made = new Set(words.filter((word) => word.endsWith(".yaml")));
  expect(complaintsAbout({ words, writes: [] }, { made, inPassing: false })).toEqual([]);
});
