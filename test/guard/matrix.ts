import type { Outcome } from "./attempts.ts";
import { OURS } from "./emulated.ts";
import { markdownTable } from "./page.ts";

export const POSTURES = [
  "no guard",
  "route only",
  "output rule only",
  "uid exemption",
  "redirect only",
  "guard",
  "guard, emulating",
  "guard, no egress hook",
  "guard, iptables-nft",
  "guard, iptables-legacy",
] as const;
export type Posture = (typeof POSTURES)[number];

export interface Cell {
  readonly way: string;
  readonly posture: Posture;
  readonly outcome: Outcome;
}

type Text = (cell: Cell) => string;

/** Everything that was tried, for people to read: one line a way round, one column a posture. */
export function matrixText(cells: readonly Cell[]): string {
  const table = tableOf(cells, inDetail);
  const width = (column: number): number => Math.max(...table.map((row) => (row[column] ?? "").length));
  return `\n${table.map((row) => row.map((cell, column) => cell.padEnd(width(column))).join("  ")).join("\n")}\n\n`;
}

/** The same for the security page, without what changes from run to run. */
export function matrixMarkdown(cells: readonly Cell[]): string {
  return markdownTable(
    tableOf(cells, ({ outcome }) => {
      if (outcome.outcome !== "reached") return "held";
      return isOurs(outcome) ? "sidecar" : "**reads**";
    }),
  );
}

function tableOf(cells: readonly Cell[], text: Text): readonly (readonly string[])[] {
  const ways = [...new Set(cells.map((cell) => cell.way))];
  const rows = ways.map((way) => {
    const of = cells.filter((cell) => cell.way === way);
    const at = (posture: Posture): string => {
      const cell = of.find((one) => one.posture === posture);
      return cell === undefined ? "-" : text(cell);
    };
    return [way, ...POSTURES.map(at)];
  });
  return [["way round", ...POSTURES], ...rows];
}

const isOurs = ({ body }: Outcome): boolean => body === OURS;

function inDetail({ outcome: ended }: Cell): string {
  const { outcome, code, ms } = ended;
  if (outcome === "reached") return isOurs(ended) ? "the sidecar" : "REACHED";
  if (outcome === "silent") return "no answer";
  return ms === undefined ? (code ?? "refused") : `${code} in ${ms} ms`;
}
