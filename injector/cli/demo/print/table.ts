import type { Paint } from "../../print/paint.ts";

export type Row = readonly [what: string, value: string, why: string];

/** What in the first column, its value behind it, the reason on a line below. */
export function table(rows: readonly Row[], paint: Paint): readonly string[] {
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.flatMap(([what, value, why]) => [
    `  ${what.padEnd(width)}  ${paint("cyan", value)}`,
    ...(why === "" ? [] : [`  ${" ".repeat(width)}  ${paint("dim", why)}`]),
  ]);
}
