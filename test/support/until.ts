import { setTimeout as delay } from "node:timers/promises";

/** Asks every 20 ms until there is an answer. @throws Error after the limit, with the name of the awaited condition */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  limitMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const found = await ask();
    if (found !== undefined) return found;
    await delay(20);
  }
  throw new Error(`waited ${limitMs} ms for ${what}`);
}
