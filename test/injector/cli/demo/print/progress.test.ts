import { describe, expect, test } from "vitest";
import { ProcessFailed } from "../../../../../injector/cli/demo/node/process-failed.ts";
import { createProgress, type Progress } from "../../../../../injector/cli/demo/print/progress.ts";
import { plainPaint } from "../../../../../injector/cli/print/paint.ts";
import { thrown } from "../../../../support/thrown.ts";

type Options = Partial<Omit<Parameters<typeof createProgress>[0], "write">>;

/** What is written while the progress is reported, with every duration as 0.00 s. */
async function written(report: (progress: Progress) => unknown, options: Options = {}): Promise<string> {
  let text = "";
  const write = (piece: string): void => void (text += piece);
  const progress = createProgress({
    write,
    paint: plainPaint,
    columns: undefined,
    isVerbose: false,
    ...options,
  });
  await report(progress);
  return text.replaceAll(/\d\.\d\d s/g, "0.00 s");
}

const done = () => Promise.resolve(undefined);
const verbose = { isVerbose: true };
const failing = () =>
  Promise.reject(
    new ProcessFailed("DEMO_CONTAINER_FAILED", "It ended with 7.", ["out\n", "\u001B[31merr\n"]),
  );
const both = () => ({ short: "in short", full: "in full" });
const line = (mark: string, title: string, detail: string): string =>
  `${mark} ${title.padEnd(38)} ${detail.padEnd(51)}  0.00 s\n`;

describe("the demo's progress", () => {
  test("has a line for each step, 100 columns wide, with what it found and its time", async () => {
    const text = await written(({ step }) => step("A step", done, both));
    expect(text).toBe(line("✓", "A step", "in short"));
    expect(text).toHaveLength(101);
  });

  test("shows with --verbose what a step found in full, and its notes and diffs", async () => {
    const report = async ({ step, note, diff, excerpt }: Progress) => {
      await step("A step", done, both);
      note("a note");
      diff([{ sign: "+", text: "added" }]);
      excerpt("caption", [{ sign: "+", text: "added" }]);
    };
    expect(await written(report, verbose)).toBe(`${line("✓", "A step", "in full")}  a note\n    + added\n`);
    expect(await written(report)).toBe(`${line("✓", "A step", "in short")}  caption\n    + added\n`);
  });

  test("puts what is too long for the line below it", async () => {
    const found = `${"word ".repeat(12)}end`;
    expect(await written(({ step }) => step("A step", done, () => found))).toBe(
      `${line("✓", "A step", "")}  ${found}\n`,
    );
    const title = "A title that is longer than its column is wide";
    const [first, second] = (await written(({ step }) => step(title, done, () => "found"))).split("\n");
    expect(first).toMatch(/^✓ A title that is longer than its column is wide +0\.00 s$/);
    expect(first).toHaveLength(100);
    expect(second).toBe("  found");
  });

  test("shows a minor step only with --verbose", async () => {
    const report = ({ minorStep }: Progress) => minorStep("A step", done);
    expect(await written(report)).toBe("");
    expect(await written(report, verbose)).toBe(line("✓", "A step", ""));
  });

  test("takes many steps together in one line, and apart with --verbose", async () => {
    const report = ({ steps }: Progress) =>
      steps(
        "Both",
        async (step) => {
          await step("one", done);
          await step("two", done);
        },
        () => "2 done",
      );
    expect(await written(report)).toBe(line("✓", "Both", "2 done"));
    expect(await written(report, verbose)).toBe(line("✓", "one", "") + line("✓", "two", ""));
  });

  test.each(["step", "minorStep"] as const)(
    "shows a %s that fails, with all that the process wrote and no control character of it",
    async (kind) => {
      const text = await written(async (progress) => {
        expect(await thrown(() => progress[kind]("A step", failing))).toMatchObject({
          code: "DEMO_CONTAINER_FAILED",
        });
      });
      expect(text).toBe(`${line("✗", "A step", "failed")}  | out\n  |  [31merr\n`);
    },
  );

  test("names the one of many steps that fails", async () => {
    const report = ({ steps }: Progress) =>
      thrown(() => steps("Both", (step) => step("two", failing), String));
    expect(await written(report)).toContain(line("✗", "two", "failed"));
  });

  test("shows the end of a long output, and how much came before", async () => {
    const lines = Array.from({ length: 70 }, (_, index) => `line ${index}`);
    const failure = new ProcessFailed("DEMO_PROCESS_FAILED", "It failed.", [lines.join("\n")]);
    const text = await written(({ step }) => thrown(() => step("A step", () => Promise.reject(failure))));
    expect(text).toContain("  | … 10 lines before, which --json has\n  | line 10\n");
    expect(text).toMatch(/line 69\n$/);
  });

  test("says of everybody's concern without --verbose too", async () => {
    const report = ({ skip, tell }: Progress) => {
      skip("The network", "not shown: it takes root");
      tell("pod.yaml is denied: \u001B[31mno");
    };
    expect(await written(report)).toBe(
      `- ${"The network".padEnd(38)} not shown: it takes root\n  pod.yaml is denied:  [31mno\n`,
    );
  });

  test("says on a terminal what runs, within its width, and writes over that", async () => {
    const title = "A title that is longer than forty columns are wide";
    const text = await written(({ step }) => step(title, done), { columns: 40 });
    const [running = "", ended = ""] = text.split("\r\u001B[2K").slice(1);
    expect(running).toBe(`… ${title}`.slice(0, 39));
    expect(ended).toContain(`✓ ${title}`);
  });

  test("writes no control character where there is no terminal", async () => {
    expect(await written(({ step }) => step("A step", done))).toBe(line("✓", "A step", ""));
  });

  test("records everything for --json, shown or not", async () => {
    let progress: Progress | undefined;
    await written(async (one) => {
      progress = one;
      one.section("First");
      one.skip("The network", "it takes root");
      await one.step("A step", done, both);
      one.note("a note");
      await one.minorStep("A minor step", done);
      await thrown(() => one.step("A failing step", failing));
    });
    const ms = expect.any(Number) as number;
    expect(progress?.recorded()).toEqual([
      {
        section: "First",
        title: "A step",
        ms,
        detail: "in full",
        notes: ["The network: it takes root", "a note"],
      },
      { section: "First", title: "A minor step", ms, notes: [] },
      {
        section: "First",
        title: "A failing step",
        ms,
        notes: [],
        failed: true,
        output: "out\n\u001B[31merr",
      },
    ]);
  });
});
