const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** A time as AWS writes it, in milliseconds since the epoch; undefined for any other text. */
export function epochMsOf(text: string): number | undefined {
  const epochMs = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(epochMs) ? undefined : epochMs;
}
