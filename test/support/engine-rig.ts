import { onTestFinished } from "vitest";
import { createEngine, type Engine } from "../../sidecar/engine/engine.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { credentials } from "./credentials.ts";
import { handClock, type HandClock } from "./hand-clock.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export const denied = new IssueError("AccessDenied", "STS refused.", {
  kind: "definite",
  remedy: "Trust it.",
});
export const withdrawn = new IssueError("ROLE_NOT_ALLOWED", "No rule allows it any role.", {
  kind: "definite",
  endsSession: true,
});
export const unreachable = new IssueError("STS_UNREACHABLE", "STS cannot be reached.", { kind: "passing" });
export const throttled = new IssueError("Throttling", "Rate exceeded.", { kind: "throttled" });

interface Rig {
  readonly clock: HandClock;
  readonly engine: Engine;
  /** The time of each attempt, in milliseconds since the start. */
  readonly attempts: readonly number[];
  /** Sets what STS does from now on: an error that it throws, or the time it takes to grant an hour. */
  sts: { error?: IssueError; tookMs?: number; lifetimeMs?: number };
}

/** An engine with a clock and an STS that the test controls. */
export function engineRig(sts: Rig["sts"] = {}): Rig {
  const clock = handClock();
  const start = clock.now();
  const attempts: number[] = [];
  const issue = async (): Promise<Credentials> => {
    attempts.push(clock.now() - start);
    const { error, tookMs = 0, lifetimeMs = HOUR } = made.sts;
    if (tookMs > 0) await clock.sleep(tookMs);
    if (error !== undefined) throw error;
    const issuedAt = clock.now();
    return credentials({
      accessKeyId: `ASIA${attempts.length}`,
      issuedAt,
      expiresAt: issuedAt + lifetimeMs,
    });
  };
  const engine = createEngine({ issue, clock, random: () => 0.5 });
  const made: Rig = { clock, engine, attempts, sts };
  onTestFinished(() => engine.stop());
  engine.start();
  return made;
}
