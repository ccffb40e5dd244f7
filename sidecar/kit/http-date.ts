/** The latest time that is believed. A broken program may send a later one, which has no form in a signature. */
const LATEST = Date.UTC(9999, 0);

/** The header `Date` of an answer, in milliseconds since the epoch; undefined if it is none that can be believed. */
export function httpDate(text: unknown): number | undefined {
  const date = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return date > 0 && date < LATEST ? date : undefined;
}
