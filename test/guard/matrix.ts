import type { Outcome } from "./attempts.ts";

const POSTURES = ["no guard", "output rule only", "guard"] as const;

export interface Cell {
  readonly way: string;
  readonly posture: (typeof POSTURES)[number];
  readonly outcome: Outcome;
}

/** The whole of what was tried, for the eye: one line a way round, one column a posture. */
export function matrixText(cells: readonly Cell[]): string {
  const ways = [...new Set(cells.map((cell) => cell.way))];
  const rows = ways.map((way) => {
    const of = cells.filter((cell) => cell.way === way);
    return [way].concat(POSTURES.map((posture) => cellText(of.find((cell) => cell.posture === posture))));
  });
  const table = [["way round", ...POSTURES], ...rows];
  const width = (column: number): number => Math.max(...table.map((row) => (row[column] ?? "").length));
  return `\n${table.map((row) => row.map((cell, column) => cell.padEnd(width(column))).join("  ")).join("\n")}\n\n`;
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return "-";
  const { outcome, code, ms } = cell.outcome;
  if (outcome === "reached") return "REACHED";
  if (outcome === "silent") return "no answer";
  return ms === undefined ? (code ?? "refused") : `${code} in ${ms} ms`;
}
