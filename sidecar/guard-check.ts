import type { Clock } from "./kit/clock.ts";
import { CodedError, isShortage } from "./kit/errors.ts";
import type { Reach } from "./kit/reach.ts";

/** What is known of the guard. `open` names the address that accepted a connection. */
type GuardState =
  | { readonly kind: "unknown" }
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly address: string };

export interface GuardCheckDeps {
  /** Empty: there is no guard in this pod, or it lets the sidecar through, so there is nothing to check. */
  readonly addresses: readonly string[];
  readonly port?: number;
  readonly reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>;
  readonly clock: Clock;
  readonly onChange?: (state: GuardState, before: GuardState) => void;
  /** A guard refuses. Silence comes from something else, such as a network policy, and may end. */
  readonly onTimeout?: (address: string) => void;
}

export interface GuardCheck {
  readonly state: () => GuardState;
  /** Undefined while the metadata service is out of reach, else `METADATA_REACHABLE` or `GUARD_NOT_VERIFIED`. */
  readonly problem: () => CodedError | undefined;
  /** Resolves when it is out of reach for the first time. */
  readonly firstClosed: Promise<void>;
  readonly start: () => void;
  readonly stop: () => void;
}

const HTTP_PORT = 80;
const TIMEOUT_MS = 1000;
const INTERVAL_MS = 60_000;
/** Shorter while credentials are withheld, since the app waits for them. */
const INTERVAL_OPEN_MS = 10_000;

/** Connects to each blocked address, at the start and once a minute, without sending a byte. */
export function createGuardCheck(deps: GuardCheckDeps): GuardCheck {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  const nothingToCheck = deps.addresses.length === 0;
  if (nothingToCheck) first.resolve();
  let state: GuardState = nothingToCheck ? { kind: "closed" } : { kind: "unknown" };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const before = state;
      state = await check(deps, before);
      if (state.kind === "closed") first.resolve();
      if (state !== before) deps.onChange?.(state, before);
      await deps.clock.sleep(state.kind === "closed" ? INTERVAL_MS : INTERVAL_OPEN_MS, stopping.signal);
    }
  };

  return {
    state: () => state,
    problem: () => problemOf(state),
    firstClosed: first.promise,
    start: () => {
      if (!nothingToCheck) void run();
    },
    stop: () => stopping.abort(),
  };
}

async function check(deps: GuardCheckDeps, before: GuardState): Promise<GuardState> {
  const { addresses, port = HTTP_PORT, reach } = deps;
  const attempts = await Promise.all(
    addresses.map(async (address) => ({ address, outcome: await reach(address, port, TIMEOUT_MS) })),
  );
  for (const { address, outcome } of attempts) if (outcome.kind === "timeout") deps.onTimeout?.(address);
  const accepted = attempts.find(({ outcome }) => outcome.kind === "connected");
  if (accepted !== undefined) return sameOr(before, { kind: "open", address: accepted.address });
  return attempts.some(({ outcome }) => hadNoSocket(outcome)) ? before : sameOr(before, { kind: "closed" });
}

/** The sidecar could not open a socket, which says nothing about the guard. */
const hadNoSocket = (outcome: Reach): boolean => outcome.kind === "refused" && isShortage(outcome.code);

function sameOr(before: GuardState, state: GuardState): GuardState {
  const same = before.kind === state.kind;
  return same && (state.kind !== "open" || before.kind !== "open" || before.address === state.address)
    ? before
    : state;
}

function problemOf(state: GuardState): CodedError | undefined {
  if (state.kind === "closed") return undefined;
  if (state.kind === "unknown") {
    return new CodedError("GUARD_NOT_VERIFIED", "The sidecar has not yet checked the guard.");
  }
  const message = `The pod can connect to the metadata service at ${state.address}, so credentials are withheld.`;
  const remedy =
    "See whether the guard ran in this pod, and whether a container may change the network (NET_ADMIN).";
  return new CodedError("METADATA_REACHABLE", message, { remedy });
}
