import type { Paint, Style } from "../../print/paint.ts";
import type { DiffLine } from "./diff.ts";

/** Reports progress to a person. */
export interface Progress {
  /** One numbered line a step, with its time, and below it what the step resolved to has to say. */
  readonly step: <T>(title: string, work: () => Promise<T>, detail?: (value: T) => string) => Promise<T>;
  /** Something between the steps; empty for a gap. */
  readonly note: (text: string) => void;
  readonly diff: (lines: readonly DiffLine[]) => void;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Behind the longest title, so that the times stand below each other. */
const COLUMN = 64;
const STYLES: Readonly<Record<DiffLine["sign"], Style | undefined>> = {
  "+": "green",
  "-": "red",
  "…": "dim",
  " ": undefined,
};

export function createProgress(write: (text: string) => void, paint: Paint, isTerminal: boolean): Progress {
  let count = 0;
  return {
    step: async (title, work, detail) => {
      count += 1;
      const number = String(count).padStart(2);
      // On a terminal the line stands there while the step runs, and is written over when it is done.
      if (isTerminal) write(`${number}  ${title} …`);
      const redo = isTerminal ? "\r\u001B[2K" : "";
      const startedAt = performance.now();
      try {
        const value = await work();
        const took = paint("dim", seconds(performance.now() - startedAt));
        write(`${redo}${number}  ${title.padEnd(COLUMN)} ${took}\n`);
        if (detail !== undefined) write(`    ${paint("cyan", detail(value))}\n`);
        return value;
      } catch (error) {
        write(`${redo}${number}  ${title}: ${paint("red", "failed")}\n`);
        throw error;
      }
    },
    note: (text) => write(text === "" ? "\n" : `    ${paint("dim", text)}\n`),
    diff: (lines) => write(lines.map((line) => `      ${painted(line, paint)}\n`).join("")),
  };
}

function painted({ sign, text }: DiffLine, paint: Paint): string {
  const line = `${sign === "…" ? " " : sign} ${text}`;
  const style = STYLES[sign];
  return style === undefined ? line : paint(style, line);
}
