import { once } from "node:events";
import { parseConfig } from "./config/config.ts";
import type { Prove } from "./guard-looks.ts";
import { collectGarbage } from "./kit/collect-garbage.ts";
import { systemClock } from "./kit/clock.ts";
import type { Env } from "./kit/env.ts";
import { coded, oneLine } from "./kit/errors.ts";
import { createLog } from "./kit/log.ts";
import { writeTerminationMessage } from "./kit/termination.ts";
import { serve } from "./serve.ts";
import { startMark } from "./start-mark.ts";

/** The hook looks 40 times a second, and then the kubelet ends this process: long before this is over. */
const HOOK_FIRST_MS = 1000;

/**
 * `podrole-sidecar serve`: does not return while all is well. Once it has served, no failure of STS ends it; with
 * `PODROLE_START=now`, none ever does. Nor does one end a sidecar that is restarted in a pod that has started before: its
 * app runs and is better served by a sidecar that answers why, and that retries more often than the kubelet restarts it.
 * @returns 1 when the start has failed
 * @throws CodedError as {@link parseConfig} and {@link serve}
 */
export async function serveMain(env: Env): Promise<number> {
  const config = parseConfig(env);
  const mark = startMark(env);
  const start = mark.isSet() ? "now" : config.start;
  const log = createLog(config.logLevel, "podrole-sidecar");
  const serving = await serve(
    { ...config, start },
    { clock: systemClock, random: Math.random, log, collectGarbage, prove },
  );
  try {
    await serving.started;
  } catch (thrown) {
    const reason = coded(thrown);
    const { code, message, remedy } = reason;
    log.error({ code, reason: message, remedy }, "start failed");
    // The hook ends when it reads this, and the kubelet shows what it prints. If this process ended first, the hook would
    // be killed with the container and print nothing.
    writeTerminationMessage(env, oneLine(reason));
    await systemClock.sleep(HOOK_FIRST_MS);
    return 1;
  }
  process.exitCode = 0;
  if (start === "wait") mark.set();
  await once(new EventTarget(), "never");
  return 0;
}

/** Imported only when needed: mode `block` proves nothing. */
const prove: Prove = async (...given) => (await import("./proof/prove.ts")).prove(...given);
