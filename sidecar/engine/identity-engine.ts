import type { ConfiguredIdentity, SidecarConfig } from "../config/config.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { IDENTITY_SOURCES } from "../sources/sources.ts";
import type { Issue } from "../sts/chain.ts";
import type { AssumeRole } from "../sts/role-request.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { Random } from "./schedule.ts";

export interface IdentityEngineDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called for every call to STS, or to the broker, with `Success` or the code of its failure. */
  readonly onCall: (code: string) => void;
  readonly onIssued: () => void;
}

/** The engine of one identity. Each has its own: what STS says of one role says nothing of another. */
export function identityEngine(
  config: SidecarConfig,
  identity: ConfiguredIdentity,
  deps: IdentityEngineDeps,
): Engine {
  const { clock, random, log, onIssued } = deps;
  const { name } = identity;
  return createEngine({
    issue: issuer(config, identity, deps),
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

function issuer(
  { source, sourceSettings, sts }: SidecarConfig,
  { name, steps }: ConfiguredIdentity,
  { clock, log, onCall }: IdentityEngineDeps,
): Issue {
  const now = (): number => clock.now();
  const own = IDENTITY_SOURCES[source];
  if (!own.callsSts) {
    const roleArn = steps.at(-1)?.roleArn ?? "";
    return own.issuer(sourceSettings, { identity: name, roleArn, now, onCall });
  }
  if (sts === undefined) throw new Error("a source that calls STS, and no STS");
  const { sessionName, ...where } = sts;
  const assumeRole = loadedAtFirstCall(async () => {
    const { stsOver } = await import("../sts/assume-role.ts");
    return stsOver({
      ...where,
      now,
      onCall,
      onShortened: ({ code, message, remedy }) =>
        log.warn({ identity: name, code, reason: message, remedy }, "session shortened"),
    });
  });
  return own.issuer(sourceSettings, { steps, sessionName, assumeRole });
}

/** A sidecar that calls no STS does without the modules that do. */
function loadedAtFirstCall(load: () => Promise<AssumeRole>): AssumeRole {
  let loaded: Promise<AssumeRole> | undefined;
  return async (request) => (await (loaded ??= load()))(request);
}
