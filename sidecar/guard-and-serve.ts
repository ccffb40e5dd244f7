import { EXIT_OK } from "./guard/exits.ts";
import { guardAndDrop } from "./guard/main.ts";
import type { Env } from "./kit/env.ts";

/**
 * `podrole-sidecar guard-and-serve`: guard and sidecar in one process. Nothing of the sidecar is loaded, and no port is opened, before
 * the rules are proven and the rights are gone.
 * @returns the guard's exit code where it failed; else as `serve`
 */
export async function guardAndServeMain(env: Env): Promise<number> {
  const exit = await guardAndDrop(env);
  if (exit !== EXIT_OK) return exit;
  const { serveMain } = await import("./serve-main.ts");
  return serveMain(env);
}
