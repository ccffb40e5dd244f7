import type { ConfiguredIdentity, SidecarConfig } from "../config/config.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { IDENTITY_SOURCES } from "../sources/sources.ts";
import { stsOver } from "../sts/assume-role.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { Random } from "./schedule.ts";

export interface IdentityEngineDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called for every call to STS with `Success` or the code of its failure. */
  readonly onCall: (code: string) => void;
  readonly onIssued: () => void;
}

/** The engine of one identity. Each has its own: what STS says of one role says nothing of another. */
export function identityEngine(
  { source, sourceSettings, sts, sessionName }: SidecarConfig,
  { name, steps }: ConfiguredIdentity,
  { clock, random, log, onCall, onIssued }: IdentityEngineDeps,
): Engine {
  const assumeRole = stsOver({
    ...sts,
    now: () => clock.now(),
    onCall,
    onShortened: ({ code, message, remedy }) =>
      log.warn({ identity: name, code, reason: message, remedy }, "session shortened"),
  });
  const chain = { identity: name, steps, sessionName, assumeRole };
  return createEngine({
    issue: IDENTITY_SOURCES[source].issuer(sourceSettings, chain),
    clock,
    random,
    onIssued: ({ roleArn, expiresAt }) => {
      const expires = new Date(expiresAt).toISOString();
      log.info({ identity: name, roleArn, expiresAt: expires }, "credentials held");
      onIssued();
    },
    onFailure: ({ code, message, remedy, kind }, retryInMs) =>
      log.warn(
        { identity: name, code, reason: message, remedy, kind, retryInMs: Math.round(retryInMs) },
        "no new credentials",
      ),
  });
}
