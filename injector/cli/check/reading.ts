import { coded } from "../../../sidecar/kit/errors.ts";
import type { Reading, Unread } from "./facts.ts";

/** What has become of a read. It never rejects: what cannot be read stops nothing else. */
export async function reading<T>(work: () => Promise<T | undefined>): Promise<Reading<T>> {
  try {
    const value = await work();
    return value === undefined ? { kind: "absent" } : { kind: "found", value };
  } catch (error) {
    return unread(error);
  }
}

export function unread(error: unknown): Unread {
  const { code, message } = coded(error);
  return { kind: "unread", why: message, ...(code === "API_REFUSED" ? { refused: true } : {}) };
}

export const mapped = async <A, B>(from: Reading<A>, work: (value: A) => Promise<B>): Promise<Reading<B>> =>
  from.kind === "found" ? { kind: "found", value: await work(from.value) } : from;
