import type { Random } from "../../sidecar/engine/schedule.ts";

/** Times of a lognormal distribution, in milliseconds: most are near the median, and few are very long. */
export function latency(
  random: Random,
  { medianMs, spread }: { readonly medianMs: number; readonly spread: number },
): () => number {
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return medianMs * Math.exp(spread * normal);
  };
}

/** By their names, as they are printed. */
export type Figures = Readonly<Record<string, string>>;

/** @param share such as 0.99 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Columns of figures under their titles: each line is a figure that any of them has. */
export function table(columns: readonly (readonly [title: string, figures: Figures])[]): string {
  const names = [...new Set(columns.flatMap(([, figures]) => Object.keys(figures)))];
  const lines = [
    ["", ...columns.map(([title]) => title)],
    ...names.map((name) => [name, ...columns.map(([, figures]) => figures[name] ?? "")]),
  ];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  const padded = (cell: string, at: number): string =>
    at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return lines.map((line) => line.map(padded).join("  ")).join("\n");
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}
