import type { Client } from "./clients.ts";

export const TRIALS = ["first fetch", "refresh", "restart", "outage", "wrong token", "no sidecar"] as const;
export type Trial = (typeof TRIALS)[number];

/** A client's message when it got no credentials, and after how long. */
interface Saying {
  readonly client: Client;
  readonly when: string;
  /** How often it called the sidecar before it gave up. */
  readonly asked: number;
  /** With the start of its process. */
  readonly ms: number;
  readonly error: string | undefined;
}

export interface Report {
  /** A trial counts as failed until the returned function is called. */
  readonly opened: (client: Client, trial: Trial) => () => void;
  readonly said: (saying: Saying) => void;
  readonly text: (clients: readonly Client[], why: (client: Client) => string | undefined) => string;
}

export function openReport(): Report {
  const outcomes = new Map<string, string>();
  const sayings: Saying[] = [];
  return {
    opened: ({ id }, trial) => {
      outcomes.set(`${id} ${trial}`, "FAILED");
      return () => void outcomes.set(`${id} ${trial}`, "pass");
    },
    said: (saying) => void sayings.push(saying),
    text: (clients, why) => {
      const rows = clients.map((client) => {
        const { id, name, version } = client;
        const reason = why(client);
        if (reason !== undefined) return [name, version, reason];
        return [name, version, ...TRIALS.map((trial) => outcomes.get(`${id} ${trial}`) ?? "-")];
      });
      const words = sayings
        .toSorted((a, b) => a.when.localeCompare(b.when) || a.client.name.localeCompare(b.client.name))
        .map(({ client, when, asked, ms, error = "" }) => {
          const after = `${asked} times, ${(ms / 1000).toFixed(1)} s`;
          return [client.name, when, after, shortened(error)];
        });
      return [
        "",
        columns([["client", "version", ...TRIALS], ...rows]),
        "",
        columns([["client", "with", "asked", "and then said"], ...words]),
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
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
