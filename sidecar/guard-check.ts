import type { Clock } from "./kit/clock.ts";
import { CodedError } from "./kit/errors.ts";
import type { Reach } from "./kit/reach.ts";

/** What is known of the guard's work. `open` names the address that let a connection through. */
type Verdict =
  | { readonly kind: "unknown" }
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly address: string };

export interface VerifierDeps {
  /** Empty: there is no guard in this pod, or it lets the sidecar through, so there is nothing to verify. */
  readonly addresses: readonly string[];
  readonly port?: number;
  readonly reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>;
  readonly clock: Clock;
  readonly onVerdict?: (verdict: Verdict, before: Verdict) => void;
  /** A guard refuses; silence is something else's doing, such as a network policy, and may end. */
  readonly onTimeout?: (address: string) => void;
}

export interface Verifier {
  readonly verdict: () => Verdict;
  /** Undefined while the metadata service is out of reach, else `METADATA_REACHABLE` or `GUARD_NOT_VERIFIED`. */
  readonly obstacle: () => CodedError | undefined;
  /** Resolves once it was out of reach for the first time. */
  readonly firstClosed: Promise<void>;
  readonly start: () => void;
  readonly stop: () => void;
}

const HTTP_PORT = 80;
const TIMEOUT_MS = 1000;
const INTERVAL_MS = 60_000;
/** While credentials are withheld, somebody is waiting for them. */
const INTERVAL_OPEN_MS = 10_000;

/** Connects to each blocked address, at the start and once a minute, without sending a byte. */
export function createVerifier(deps: VerifierDeps): Verifier {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  const nothingToVerify = deps.addresses.length === 0;
  if (nothingToVerify) first.resolve();
  let verdict: Verdict = nothingToVerify ? { kind: "closed" } : { kind: "unknown" };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const before = verdict;
      verdict = await look(deps, before);
      if (verdict.kind === "closed") first.resolve();
      if (verdict !== before) deps.onVerdict?.(verdict, before);
      await deps.clock.sleep(verdict.kind === "closed" ? INTERVAL_MS : INTERVAL_OPEN_MS, stopping.signal);
    }
  };

  return {
    verdict: () => verdict,
    obstacle: () => obstacleOf(verdict),
    firstClosed: first.promise,
    start: () => {
      if (!nothingToVerify) void run();
    },
    stop: () => stopping.abort(),
  };
}

async function look(deps: VerifierDeps, before: Verdict): Promise<Verdict> {
  const { addresses, port = HTTP_PORT, reach } = deps;
  const looks = await Promise.all(
    addresses.map(async (address) => ({ address, outcome: await reach(address, port, TIMEOUT_MS) })),
  );
  for (const { address, outcome } of looks) if (outcome.kind === "timeout") deps.onTimeout?.(address);
  const through = looks.find(({ outcome }) => outcome.kind === "connected");
  if (through !== undefined) return sameOr(before, { kind: "open", address: through.address });
  return looks.some(({ outcome }) => isOurOwn(outcome)) ? before : sameOr(before, { kind: "closed" });
}

/** No socket could be had: that says nothing of the guard. */
const isOurOwn = (outcome: Reach): boolean =>
  outcome.kind === "refused" && ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"].includes(outcome.code);

function sameOr(before: Verdict, verdict: Verdict): Verdict {
  const same = before.kind === verdict.kind;
  return same && (verdict.kind !== "open" || before.kind !== "open" || before.address === verdict.address)
    ? before
    : verdict;
}

function obstacleOf(verdict: Verdict): CodedError | undefined {
  if (verdict.kind === "closed") return undefined;
  if (verdict.kind === "unknown") {
    return new CodedError("GUARD_NOT_VERIFIED", "It is not yet known whether the guard holds.");
  }
  const message = `The pod can connect to the metadata service at ${verdict.address}, so credentials are withheld.`;
  const remedy =
    "See whether the guard ran in this pod, and whether a container may change the network (NET_ADMIN).";
  return new CodedError("METADATA_REACHABLE", message, { remedy });
}
