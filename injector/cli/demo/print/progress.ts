import { plain, wrapped } from "../../print/lines.ts";
import { REDO } from "../../print/output.ts";
import type { Paint, Style } from "../../print/paint.ts";
import { ProcessFailed } from "../node/process-failed.ts";
import type { DiffLine } from "./diff.ts";

/** What a step found: one text, or a short one for the line of the step and all of it for `--verbose` and `--json`. */
export type Detail = string | { readonly short: string; readonly full: string };

/** A step as `--json` has it. */
export interface StepRecord {
  readonly section: string;
  readonly title: string;
  /** Duration in milliseconds. */
  readonly ms: number;
  readonly detail?: string;
  /** What was said below the step. */
  readonly notes: readonly string[];
  readonly failed?: true;
  /** All that a failed process wrote. */
  readonly output?: string;
}

/** Reports progress to a person, each thing when it happens. */
export interface Progress {
  /** A heading above the steps that follow. */
  readonly section: (title: string) => void;
  /** One line a step, with what it found and how long it took. */
  readonly step: <T>(title: string, work: () => Promise<T>, detail?: (value: T) => Detail) => Promise<T>;
  /** A step that only `--verbose` shows, unless it fails. */
  readonly minorStep: Progress["step"];
  /** Many steps, in one line. With `--verbose` each has its own, and there is none for all of them. */
  readonly steps: <T>(
    title: string,
    work: (step: Progress["step"]) => Promise<T>,
    detail: (value: T) => string,
  ) => Promise<T>;
  /** In the place of a step that cannot be shown on this machine. */
  readonly skip: (title: string, why: string) => void;
  /** For those who want to know everything: only `--verbose` shows it. */
  readonly note: (text: string) => void;
  /** What everybody has to know. */
  readonly tell: (text: string) => void;
  /** The whole of a patch: only `--verbose` shows it. */
  readonly diff: (lines: readonly DiffLine[]) => void;
  /** The lines of one patch that matter, in the place of all patches. */
  readonly excerpt: (caption: string, lines: readonly DiffLine[]) => void;
  readonly recorded: () => readonly StepRecord[];
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  readonly paint: Paint;
  /** Of a terminal where a line can be written over; undefined for a file, a pipe and the log of a CI system. */
  readonly columns: number | undefined;
  readonly isVerbose: boolean;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** A line is at most as wide, on a wider terminal too: the eye finds the time beside its step. */
const WIDTH_MAX = 100;
const TITLE_WIDTH = 38;
const TIME_WIDTH = 8;
const STYLES: Readonly<Record<DiffLine["sign"], Style | undefined>> = {
  "+": "green",
  "-": "red",
  "…": "dim",
  " ": undefined,
};

export function createProgress({ write, paint, columns, isVerbose }: ProgressOptions): Progress {
  const records: Recorded[] = [];
  const width = Math.min(columns ?? WIDTH_MAX, WIDTH_MAX);
  const redo = columns === undefined ? "" : REDO;
  let section = "";
  // Said before there was a step to say it of, such as what is skipped.
  let early: string[] = [];

  const line = (mark: string, title: string, detail: string, time = "", style: Style = "cyan"): void => {
    const room = Math.max(0, width - 3 - TITLE_WIDTH - TIME_WIDTH);
    const isBeside = title.length <= TITLE_WIDTH && detail.length <= room;
    const beside = isBeside ? `${title.padEnd(TITLE_WIDTH)} ${paint(style, detail)}` : title;
    const gap = TITLE_WIDTH + 1 + room - (isBeside ? TITLE_WIDTH + 1 + detail.length : title.length);
    const behind = time === "" ? "" : " ".repeat(Math.max(0, gap)) + paint("dim", time.padStart(TIME_WIDTH));
    write(`${redo}${`${mark} ${beside}${behind}`.trimEnd()}\n`);
    if (!isBeside && detail !== "") text(detail, style);
  };
  const text = (what: string, style: Style): void =>
    write(
      wrapped(what, width, 2)
        .map((one) => `${paint(style, one)}\n`)
        .join(""),
    );
  const running = (title: string): void => {
    // Cut, since a line that the terminal breaks cannot be written over.
    if (redo !== "") write(`${redo}${paint("dim", `… ${title}`.slice(0, width - 1))}`);
  };
  const remember = (what: string): void => void (records.at(-1)?.notes ?? early).push(what);

  const run = async <T>(
    title: string,
    work: () => Promise<T>,
    detail: ((value: T) => Detail) | undefined,
    isShown: boolean,
  ): Promise<T> => {
    running(title);
    const startedAt = performance.now();
    try {
      const value = await work();
      const ms = performance.now() - startedAt;
      const found = detail?.(value) ?? "";
      const { short, full } =
        typeof found === "string" ? { short: plain(found), full: plain(found) } : bothPlain(found);
      if (isShown) line(paint("green", "✓"), title, isVerbose ? full : short, seconds(ms));
      else write(redo);
      records.push({ section, title, ms, ...(full === "" ? {} : { detail: full }), notes: early });
      early = [];
      return value;
    } catch (error) {
      const ms = performance.now() - startedAt;
      const output = error instanceof ProcessFailed ? error.output : "";
      line(paint("red", "✗"), title, "failed", seconds(ms), "red");
      if (output !== "") write(outputText(output, paint));
      const failure = { failed: true as const, ...(output === "" ? {} : { output }) };
      records.push({ section, title, ms, notes: early, ...failure });
      early = [];
      throw error;
    }
  };

  return {
    section: (title) => {
      section = plain(title);
      write(`\n${paint("bold", section)}\n`);
    },
    step: (title, work, detail) => run(plain(title), work, detail, true),
    minorStep: (title, work, detail) => run(plain(title), work, detail, isVerbose),
    steps: async (title, work, detail) => {
      const inner: Progress["step"] = (one, innerWork, innerDetail) =>
        run(plain(one), innerWork, innerDetail, isVerbose);
      const startedAt = performance.now();
      const value = await work(inner);
      if (!isVerbose)
        line(paint("green", "✓"), title, plain(detail(value)), seconds(performance.now() - startedAt));
      return value;
    },
    skip: (title, why) => {
      line(paint("yellow", "-"), title, why, "", "yellow");
      early.push(`${title}: ${why}`);
    },
    note: (what) => {
      remember(plain(what));
      if (isVerbose) text(what, "dim");
    },
    tell: (what) => {
      remember(plain(what));
      text(what, "yellow");
    },
    diff: (lines) => {
      if (isVerbose) write(diffText(lines, paint));
    },
    excerpt: (caption, lines) => {
      if (!isVerbose) write(`  ${paint("dim", plain(caption))}\n${diffText(lines, paint)}`);
    },
    recorded: () => records.map(({ ms, ...record }) => ({ ...record, ms: Math.round(ms * 10) / 10 })),
  };
}

type Recorded = Omit<StepRecord, "notes"> & { readonly notes: string[] };

const bothPlain = ({ short, full }: { readonly short: string; readonly full: string }) => ({
  short: plain(short),
  full: plain(full),
});

/** Comments stand below each other. */
function diffText(lines: readonly DiffLine[], paint: Paint): string {
  const commented = lines.filter(({ comment }) => comment !== undefined);
  const column = Math.max(0, ...commented.map(({ text }) => text.length));
  return lines.map((line) => `    ${painted(line, column, paint)}\n`).join("");
}

function painted({ sign, text, comment }: DiffLine, column: number, paint: Paint): string {
  const line = `${sign === "…" ? " " : sign} ${text}`;
  const style = STYLES[sign];
  const shown = style === undefined ? line : paint(style, line);
  if (comment === undefined) return shown;
  return shown + paint("dim", `${" ".repeat(column - text.length)}  # ${comment}`);
}

/** The end of what a failed process wrote: its beginning says how it started, and the reason comes last. */
const OUTPUT_LINES_MAX = 60;

function outputText(output: string, paint: Paint): string {
  const lines = output.trimEnd().split("\n");
  const shown = lines.slice(-OUTPUT_LINES_MAX);
  const left = lines.length - shown.length;
  return [
    ...(left === 0 ? [] : [paint("dim", `… ${left} lines before, which --json has`)]),
    ...shown.map(plain),
  ]
    .map((line) => `  | ${line}\n`)
    .join("");
}
