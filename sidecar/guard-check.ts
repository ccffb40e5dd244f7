import type { Finding, Look } from "./guard-looks.ts";
import type { Clock } from "./kit/clock.ts";
import { CodedError } from "./kit/errors.ts";
import type { Log } from "./kit/log.ts";

/** What is known of the way to the metadata service. Credentials are served while it is `unchecked`, `closed` or `doubted`. */
export type GuardState =
  /** There is nothing to check. */
  | { readonly kind: "unchecked" }
  /** The first look is not over. */
  | { readonly kind: "unknown" }
  | { readonly kind: "closed" }
  /** It was closed not long ago, and a check since then could not prove it. `problem` is what it would lead to. */
  | { readonly kind: "doubted"; readonly problem: CodedError }
  | { readonly kind: "unproven"; readonly problem: CodedError }
  /** `address` is the one that was reached. */
  | { readonly kind: "open"; readonly address: string; readonly problem: CodedError };

export interface GuardCheckDeps {
  /** Undefined: there is no guard in this pod, or it lets the sidecar through, so there is nothing to check. */
  readonly look: Look | undefined;
  readonly clock: Pick<Clock, "elapsed" | "sleep">;
  readonly onChange?: (state: GuardState) => void;
}

export interface GuardCheck {
  readonly state: () => GuardState;
  /** Undefined while credentials may be served, else `METADATA_REACHABLE`, `METADATA_UNPROVEN` or `GUARD_NOT_VERIFIED`. */
  readonly problem: () => CodedError | undefined;
  /** Resolves when it is out of reach for the first time. */
  readonly firstClosed: Promise<void>;
  readonly start: () => void;
  readonly stop: () => void;
}

const INTERVAL_MS = 60_000;
/** Shorter while credentials are withheld, since the app waits for them, and while they may soon be. */
const INTERVAL_OPEN_MS = 10_000;
/**
 * Once the address was proven out of reach, credentials are withheld when no check has proven it again for this long. A shortage of
 * sockets or a metadata service that drops packets has passed by then; what has not may be reachable for a patient program.
 */
const DOUBT_MS = 5 * 60_000;

/** Looks at the start and once a minute whether the metadata service is out of reach. */
export function createGuardCheck({ look, clock, onChange }: GuardCheckDeps): GuardCheck {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  if (look === undefined) first.resolve();
  let state: GuardState = look === undefined ? { kind: "unchecked" } : { kind: "unknown" };

  const run = async (mayReach: Look): Promise<void> => {
    let provenAt = -Infinity;
    for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
      const before = state;
      const found = await mayReach(isFirst);
      if (found?.kind === "held") provenAt = clock.elapsed();
      state = stateAfter(before, found, clock.elapsed() - provenAt);
      if (state.kind === "closed") first.resolve();
      if (hasChanged(before, state)) onChange?.(state);
      await clock.sleep(state.kind === "closed" ? INTERVAL_MS : INTERVAL_OPEN_MS, stopping.signal);
    }
  };

  return {
    state: () => state,
    problem: () => problemOf(state),
    firstClosed: first.promise,
    start: () => {
      if (look !== undefined) void run(look);
    },
    stop: () => stopping.abort(),
  };
}

/** @param sinceProofMs since it was last proven out of reach; infinite if it never was */
function stateAfter(before: GuardState, found: Finding | undefined, sinceProofMs: number): GuardState {
  if (found === undefined) return before;
  if (found.kind === "held") return { kind: "closed" };
  if (found.kind === "reachable") return { kind: "open", address: found.address, problem: found.problem };
  // What has been reached stays the reason until the opposite is proven.
  if (before.kind === "open") return before;
  return { kind: sinceProofMs < DOUBT_MS ? "doubted" : "unproven", problem: found.problem };
}

const hasChanged = (before: GuardState, state: GuardState): boolean =>
  before.kind !== state.kind ||
  (before.kind === "open" && state.kind === "open" && before.address !== state.address);

function problemOf(state: GuardState): CodedError | undefined {
  if (state.kind === "unknown") {
    return new CodedError("GUARD_NOT_VERIFIED", "The sidecar has not yet checked the guard.");
  }
  return state.kind === "open" || state.kind === "unproven" ? state.problem : undefined;
}

export function logGuardState(state: GuardState, log: Log): void {
  if (state.kind === "closed") log.info("metadata service out of reach");
  if (!("problem" in state)) return;
  const { code, message: reason, remedy } = state.problem;
  if (state.kind === "doubted") return log.warn({ code, reason }, "metadata service not proven out of reach");
  const said = state.kind === "open" ? "reachable" : "not proven out of reach";
  const address = state.kind === "open" ? { address: state.address } : {};
  log.error({ ...address, code, reason, remedy }, `metadata service ${said}, credentials withheld`);
}
