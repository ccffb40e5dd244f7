import type { Client } from "./clients.ts";

export const TRIALS = ["first fetch", "refresh", "restart", "outage", "wrong token"] as const;
export type Trial = (typeof TRIALS)[number];

/** What a client said when it got nothing, and after how long. */
interface Saying {
  readonly client: string;
  readonly when: string;
  readonly ms: number;
  readonly error: string;
}

export interface Report {
  /** Runs one trial and keeps its outcome. */
  readonly tried: (client: Client, trial: Trial, work: () => Promise<void>) => Promise<void>;
  readonly said: (saying: Saying) => void;
  readonly text: (clients: readonly Client[], why: (client: Client) => string | undefined) => string;
}

export function openReport(): Report {
  const outcomes = new Map<string, string>();
  const sayings: Saying[] = [];
  return {
    tried: async ({ id }, trial, work) => {
      outcomes.set(`${id} ${trial}`, "FAILED");
      await work();
      outcomes.set(`${id} ${trial}`, "pass");
    },
    said: (saying) => void sayings.push(saying),
    text: (clients, why) => {
      const rows = clients.map((client) => {
        const { id, name, version } = client;
        const reason = why(client);
        if (reason !== undefined) return [name, version, `skipped: ${reason}`];
        return [name, version, ...TRIALS.map((trial) => outcomes.get(`${id} ${trial}`) ?? "-")];
      });
      const words = sayings
        .toSorted((a, b) => a.when.localeCompare(b.when) || a.client.localeCompare(b.client))
        .map(({ client, when, ms, error }) => [client, when, `${(ms / 1000).toFixed(1)} s`, shortened(error)]);
      return [
        "",
        columns([["client", "version", ...TRIALS], ...rows]),
        "",
        columns([["client", "with", "after", "it said"], ...words]),
        "",
        "",
      ].join("\n");
    },
  };
}

/** The end too: chains of providers put what matters there. */
const shortened = (text: string): string =>
  text.length <= 400 ? text : `${text.slice(0, 150)} … ${text.slice(-250)}`;

function columns(rows: readonly (readonly string[])[]): string {
  // A last cell may be of any length, and would push the columns apart.
  const width = (column: number): number =>
    Math.max(...rows.map((row) => (column < row.length - 1 ? (row[column] ?? "").length : 0)));
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(width(column))).join("  ").trimEnd())
    .join("\n");
}
