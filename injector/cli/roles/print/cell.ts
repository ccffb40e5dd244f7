import { plain } from "../../print/lines.ts";

/** Rows of a table: its headings first. */
export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Columns as kubectl prints them: as wide as the widest cell, the last one as it is. */
export function tableText({ headings, rows }: Table): string {
  const all = [headings, ...rows.map((row) => row.map((cell) => (cell === "" ? "-" : plain(cell))))];
  const widths = headings.map((_, column) =>
    all.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("   ");
  return all.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** What a spreadsheet takes for a formula (CWE-1236), also in the wide forms that some of them read alike. */
const FORMULA = /^[\s\uFEFF]*[=+\-@|%\uFF1D\uFF0B\uFF0D\uFF20]/u;

/**
 * RFC 4180, each cell in quotes. A cell that a spreadsheet could take for a formula begins with an apostrophe, which it shows as text;
 * control characters are spaces.
 */
export function csvText({ headings, rows }: Table): string {
  const cell = (text: string): string => {
    const shown = plain(text);
    return `"${(FORMULA.test(shown) ? `'${shown}` : shown).replaceAll('"', '""')}"`;
  };
  return [headings, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
