/** Readers of JSON settings. Their errors are to follow the name of the setting, and repeat no value. */

/** @throws Error "is not JSON" */
export function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    throw new Error("is not JSON");
  }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A key made safe to show. */
export const printable = (key: string): string => key.replaceAll(/[^\w.-]/g, "?").slice(0, 40);
