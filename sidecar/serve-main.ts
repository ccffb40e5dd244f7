import { once } from "node:events";
import { parseConfig } from "./config/config.ts";
import { collectGarbage } from "./kit/collect-garbage.ts";
import { systemClock } from "./kit/clock.ts";
import type { Env } from "./kit/env.ts";
import { createLog } from "./kit/log.ts";
import { serve } from "./serve.ts";

/**
 * `podrole-sidecar serve`: does not return while all is well. Once it has served, no failure of STS ends it.
 * @throws CodedError as {@link parseConfig}, {@link serve} and its `started`
 */
export async function serveMain(env: Env): Promise<number> {
  const config = parseConfig(env);
  const log = createLog(config.logLevel, "podrole-sidecar");
  const serving = await serve(config, { clock: systemClock, random: Math.random, log, collectGarbage });
  await serving.started;
  await once(new EventTarget(), "never");
  return 0;
}
