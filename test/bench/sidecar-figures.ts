/** The median of several runs: on a shared machine, the mean depends on other programs. */
export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5);
}

export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const ascending = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);

/** Collects figures by subject and name, and returns their medians. */
export interface Figures {
  readonly add: (subject: string, figures: Readonly<Record<string, number>>) => void;
  /** NaN for a figure that was never added. */
  readonly median: (subject: string, name: string) => number;
}

export function createFigures(): Figures {
  const all = new Map<string, number[]>();
  const key = (subject: string, name: string): string => `${subject}\n${name}`;
  return {
    add: (subject, figures) => {
      for (const [name, value] of Object.entries(figures)) {
        const values = all.get(key(subject, name)) ?? [];
        values.push(value);
        all.set(key(subject, name), values);
      }
    },
    median: (subject, name) => median(all.get(key(subject, name)) ?? []),
  };
}

export type Row = readonly string[];

/** Aligns the first column left and figures right. A row of one cell is a heading. */
export function printTable(rows: readonly Row[]): void {
  const widths: number[] = [];
  for (const row of rows.filter(({ length }) => length > 1)) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join("  ").trimEnd());
  }
}
