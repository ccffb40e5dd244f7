import { createEngine } from "../../sidecar/engine/engine.ts";
import { retryDelayMs, sleepUntil, type Random } from "../../sidecar/engine/schedule.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { coded, type CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { Issue } from "../../sidecar/sts/chain.ts";
import type { Keys } from "../../sidecar/sts/client.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";

/** Where the broker's own keys are from: made again and again, or given once. */
export type OwnSource =
  | { readonly kind: "renewed"; readonly issue: Issue }
  | { readonly kind: "given"; readonly keys: Keys };

export interface OwnIdentityDeps {
  readonly source: OwnSource;
  /** Asks STS whose keys these are. @throws IssueError */
  readonly askArn: (keys: Keys) => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The one AWS identity that the broker has, and that roles trust. */
export interface OwnIdentity {
  /** @throws IssueError `BROKER_IDENTITY_UNAVAILABLE`, passing */
  readonly keys: () => Keys;
  /** Why there are no keys, as a pod may know it. */
  readonly unavailable: () => IssueError | undefined;
  /** By GetCallerIdentity, or undefined as long as STS has not said. */
  readonly arn: () => string | undefined;
  /**
   * In milliseconds since the epoch; in the past if the last keys have ended. Undefined as long as there were none, and if nobody knows
   * when they end.
   */
  readonly expiresAt: () => number | undefined;
  /** Why there are no keys. */
  readonly problem: () => CodedError | undefined;
  readonly start: () => void;
  readonly stop: () => void;
}

/** Somebody may change which role the keys are of. */
const ASK_AGAIN_MS = 3_600_000;

/** Held and renewed by the sidecar's engine, so that it outlives an outage of STS as a pod's session does. */
export function ownIdentity({ source, askArn, clock, random, log }: OwnIdentityDeps): OwnIdentity {
  const stopping = new AbortController();
  let lastEnd: number | undefined;
  const engine =
    source.kind === "given"
      ? undefined
      : createEngine({
          issue: source.issue,
          clock,
          random,
          onIssued: ({ expiresAt }) => {
            lastEnd = expiresAt;
            log.info({ expiresAt: new Date(expiresAt).toISOString() }, "own identity held");
          },
          onFailure: ({ code, message, remedy, kind }, retryInMs) =>
            log.warn(
              { code, reason: message, remedy, kind, retryInMs: Math.round(retryInMs) },
              "own identity not renewed",
            ),
        });
  const held = (): Keys | undefined => (source.kind === "given" ? source.keys : engine?.current());
  let arn: string | undefined;

  const askOnce = async (keys: Keys): Promise<void> => {
    const found = await askArn(keys);
    if (found !== arn) log.info({ arn: found }, "own identity");
    arn = found;
  };
  const followArn = async (): Promise<void> => {
    await engine?.firstSession.catch(() => undefined);
    let failures = 0;
    while (!stopping.signal.aborted) {
      const keys = held();
      const failure = keys && (await askOnce(keys).then(() => undefined, coded));
      if (failure !== undefined)
        log.warn({ code: failure.code, reason: failure.message }, "own identity not known");
      failures = keys === undefined || failure !== undefined ? failures + 1 : 0;
      const pauseMs = failures === 0 ? ASK_AGAIN_MS : retryDelayMs("passing", failures, random);
      await sleepUntil(clock, clock.now() + pauseMs, stopping.signal);
    }
  };

  const unavailable = (): IssueError | undefined =>
    held() === undefined ? identityUnavailable(engine?.problem()?.code ?? "NO_KEYS") : undefined;
  return {
    keys: () => {
      const keys = held();
      if (keys === undefined) throw unavailable();
      return keys;
    },
    unavailable,
    arn: () => arn,
    expiresAt: () => lastEnd,
    problem: () => engine?.problem(),
    start: () => {
      engine?.start();
      void followArn();
    },
    stop: () => {
      engine?.stop();
      stopping.abort();
    },
  };
}

/**
 * Nothing is wrong with the pod, and the broker tries on.
 * @param code of what is wrong with the broker's identity: its log says more
 */
export const identityUnavailable = (code: string): IssueError =>
  new IssueError(
    "BROKER_IDENTITY_UNAVAILABLE",
    `The broker has no AWS identity to make sessions with (${code}).`,
    {
      kind: "passing",
      remedy:
        "Nothing to do: the sidecar tries again. If it goes on, ask a cluster admin to look at the broker's log (podrole check shows its identity).",
    },
  );
