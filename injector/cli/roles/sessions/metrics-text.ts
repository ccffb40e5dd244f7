import type { Session } from "../rows/row.ts";

/** A sample of the Prometheus text format with one label at most, as the sidecar writes them. */
const SAMPLE =
  /^(?<name>podrole_[a-z_]+)(?:\{(?:identity|code)="(?<label>[\w./-]{1,300})"\})? (?<value>\d{1,16})$/gm;
const CODES_MAX = 20;

/** The sessions of a sidecar by identity, from what its metrics say. Another text says nothing. */
export function sessionsIn(text: string): ReadonlyMap<string, Session> {
  const held = new Map<string, boolean>();
  const expiry = new Map<string, number>();
  const refusals: [string, number][] = [];
  for (const { groups } of text.matchAll(SAMPLE)) {
    const { name, label = "", value } = groups ?? {};
    const number = Number(value);
    if (name === "podrole_credentials_held") held.set(label, number === 1);
    if (name === "podrole_credentials_expiry_timestamp_seconds") expiry.set(label, number);
    if (name === "podrole_sts_requests_total" && label !== "Success" && refusals.length < CODES_MAX)
      refusals.push([label, number]);
  }
  return new Map(
    [...held].map(([identity, isHeld]): [string, Session] => {
      const seconds = expiry.get(identity) ?? 0;
      const expiresAt = isHeld && seconds > 0 ? dateOf(seconds) : undefined;
      return [
        identity,
        { isHeld, ...(expiresAt === undefined ? {} : { expiresAt }), refusals: Object.fromEntries(refusals) },
      ];
    }),
  );
}

function dateOf(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
