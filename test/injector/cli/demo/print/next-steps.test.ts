import { describe, expect, test } from "vitest";
import { commandsFor, nextSteps } from "../../../../../injector/cli/demo/print/next-steps.ts";
import { podroleCommand } from "../../../../../injector/cli/podrole.ts";
import { plainPaint } from "../../../../../injector/cli/print/paint.ts";

const shown = { source: "web-identity", isVerbose: false, skipped: undefined } as const;
const NPM = { npm_lifecycle_event: "demo" };
const needsRoot = "making network namespaces takes root";
const commands = (...args: Parameters<typeof commandsFor>) =>
  commandsFor(...args).map(([command]) => command);

describe("what to try after the demo", () => {
  test("is written as the demo was called", () => {
    expect(commands(shown, NPM)).toEqual([
      "npm run demo -- --verbose",
      "npm run demo -- --source broker",
      "npx node dist/cli.mjs explain -f YOUR.yaml --offline",
    ]);
    expect(commands(shown, {})).toEqual([
      "podrole demo --verbose",
      "podrole demo --source broker",
      "podrole explain -f YOUR.yaml --offline",
    ]);
  });

  test("leaves out what was just done", () => {
    expect(commands({ ...shown, source: "broker", isVerbose: true }, {})).toEqual([
      "podrole explain -f YOUR.yaml --offline",
    ]);
  });

  test("names root only where nothing else was missing", () => {
    expect(commands({ ...shown, skipped: needsRoot }, NPM)).toContain("sudo npm run demo");
    expect(commands({ ...shown, source: "broker", skipped: needsRoot }, NPM)).toContain(
      "sudo npm run demo -- --source broker",
    );
    expect(commands({ ...shown, skipped: "nft cannot be found in PATH" }, NPM).join(" ")).not.toContain(
      "sudo",
    );
  });

  test("consists of commands with options that exist", () => {
    const all = commandsFor({ ...shown, skipped: needsRoot }, {});
    for (const [line] of all) {
      const [name, ...options] = line.replace(/^(?:sudo )?podrole /, "").split(" ");
      const command = podroleCommand().commands.find((one) => one.name() === name);
      const known = command?.options.flatMap(({ long, short }) => [long, short]);
      for (const option of options.filter((word) => word.startsWith("-"))) expect(known).toContain(option);
    }
  });

  test("fits on 100 columns", () => {
    const lines = nextSteps({ ...shown, skipped: needsRoot }, NPM, plainPaint).split("\n");
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  test("stands in lines below each other", () => {
    expect(nextSteps({ ...shown, source: "broker" }, {}, plainPaint)).toBe(
      "\nNext: podrole demo --verbose                  each step and each patch in full\n" +
        "      podrole explain -f YOUR.yaml --offline  what your own pod would get, and why\n",
    );
  });
});
