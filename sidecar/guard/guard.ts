import { CodedError } from "../kit/errors.ts";
import type { Log } from "../kit/log.ts";
import type { Reach } from "../kit/reach.ts";
import { attempts, leaks, redirectFailures } from "./attempts.ts";
import type { GuardConfig } from "./config.ts";
import { isEmulated, type AppliedRules, type PacketFilter, type RuleInput } from "./packet-filter.ts";
import type { Greeting, StandIn } from "./stand-in.ts";

export interface GuardDeps {
  readonly config: GuardConfig;
  /** The best first. The others are for a kernel or an image that lacks what the ones before need. */
  readonly filters: readonly PacketFilter[];
  /** Names of every interface but loopback. */
  readonly interfaces: () => Promise<readonly string[]>;
  readonly reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>;
  /** See stand-in.ts. */
  readonly readGreeting: (address: string, port: number, timeoutMs: number) => Promise<Greeting>;
  readonly standIn: (port: number, word: string) => Promise<StandIn>;
  /** A word that nobody else in the pod can know. */
  readonly word: () => string;
  readonly log: Log;
  /**
   * Whether the pod's other containers may run by now, since the container may have been started again. Then the rules are whole from
   * the first moment, and the redirect of an emulated metadata service is left to {@link Guarded.tryRedirect}.
   */
  readonly besideOthers?: boolean;
}

/** What was done and proven. */
export interface Guarded extends Pick<AppliedRules, "hooks" | "interfaces"> {
  readonly filter: string;
  readonly egressHook: boolean;
  /** Reads the rules from the kernel once more. Rejects if this process lacks the right, which changing them needs too. */
  readonly readAgain: () => Promise<unknown>;
  /**
   * If the metadata service is emulated: tries the redirect by listening at the sidecar's port. Call it as the sidecar's uid: the rules
   * let no other uid answer there. Rejects as {@link guard}.
   */
  readonly tryRedirect: () => Promise<void>;
}

/**
 * Applies the rules, reads them back and tries the blocked addresses. If the proof fails the rules stay: an unproven
 * guard is better than none, and the pod does not start.
 * @throws CodedError with a code that starts with `GUARD_`
 */
export async function guard(deps: GuardDeps): Promise<Guarded> {
  const { config, filters, interfaces } = deps;
  refuseHostNetwork(config);
  const { addresses, openUid, sidecar } = config;
  const redirectPort = config.imds === "emulate" ? config.imdsPort : undefined;
  const inputNow = async (): Promise<RuleInput> => ({
    addresses,
    openUid,
    redirectPort,
    sidecar,
    interfaces: await interfaces(),
  });

  const usable = filters.filter((filter) => filter.egressHook || config.egressHook === "prefer");
  const { filter, misled } = await applyAndTryRedirect(usable, await inputNow(), deps);

  // The interfaces are read again: one that has come up in the meantime is not guarded, and has to be noticed.
  const input = await inputNow();
  const applied = await filter.readBack(input);
  if (applied.differences.length > 0) throw rulesMissing(applied.differences);
  const problems = [...(await leaksOf(input, filter, applied, deps)), ...misled];
  if (problems.length > 0) throw notHolding(problems);
  return {
    hooks: applied.hooks,
    interfaces: applied.interfaces,
    filter: filter.name,
    egressHook: filter.egressHook,
    readAgain: () => filter.resetCounts(input),
    tryRedirect: async () => {
      const misleading = await redirectTried(emulatedIn(input), deps);
      if (misleading.length > 0) throw notHolding(misleading);
    },
  };
}

/**
 * Where the metadata service is emulated, the redirect is tried first and without the rule for the sidecar's ports: the
 * sidecar does not run yet, so the guard listens in its place, and it is not the sidecar's uid.
 * @returns the filter that holds all of the rules, and what is wrong with the redirect, in words
 */
async function applyAndTryRedirect(
  filters: readonly PacketFilter[],
  input: RuleInput,
  deps: GuardDeps,
): Promise<{ readonly filter: PacketFilter; readonly misled: readonly string[] }> {
  const emulated = emulatedIn(input);
  if (emulated.length === 0 || deps.besideOthers === true)
    return { filter: await applyFirst(filters, input, deps.log), misled: [] };
  const filter = await applyFirst(filters, { ...input, sidecar: undefined }, deps.log);
  try {
    return { filter, misled: await redirectTried(emulated, deps) };
  } finally {
    if (input.sidecar !== undefined) await filter.apply(input);
  }
}

/** The next filter may do without what these lack. Any other failure, above all a missing capability, would recur there. */
const LACKING: ReadonlySet<string> = new Set(["GUARD_NO_EGRESS_HOOK", "GUARD_NO_PACKET_FILTER"]);

/** @returns the first filter that took the rules */
async function applyFirst(
  filters: readonly PacketFilter[],
  input: RuleInput,
  log: Log,
): Promise<PacketFilter> {
  const lacking: CodedError[] = [];
  for (const filter of filters) {
    try {
      await filter.apply(input);
      return filter;
    } catch (error) {
      if (!(error instanceof CodedError) || !LACKING.has(error.code)) throw error;
      log.warn({ filter: filter.name, code: error.code, reason: error.message }, "packet filter unavailable");
      lacking.push(error);
    }
  }
  throw noneUsable(lacking);
}

/** One message out of several: what was tried, and why each failed. */
function noneUsable(errors: readonly CodedError[]): CodedError {
  const byMessage = new Map(errors.map((error) => [error.message, error]));
  const [first] = errors;
  if (first !== undefined && byMessage.size === 1) return first;
  const reasons = [...byMessage.keys()].map((message) => message.replace(/\.$/, ""));
  const remedies = new Set(errors.flatMap(({ remedy }) => remedy ?? []));
  return new CodedError(
    "GUARD_NO_PACKET_FILTER",
    `No packet filter in this pod can block the addresses: ${reasons.join("; ")}.`,
    { remedy: [...remedies].join(" ") },
  );
}

/** Tries every address, except for the redirected port of those that are emulated. */
async function leaksOf(
  input: RuleInput,
  filter: PacketFilter,
  { resetCounts }: AppliedRules,
  { reach }: GuardDeps,
): Promise<readonly string[]> {
  const tried = await attempts(input.addresses, reach, (address) => isEmulated(input, address));
  return leaks(tried, resetCounts, await filter.resetCounts(input));
}

const emulatedIn = (input: RuleInput): readonly string[] =>
  input.addresses.filter((address) => isEmulated(input, address));

/** The emulated addresses have to lead to the sidecar's port. */
async function redirectTried(
  emulated: readonly string[],
  { config, readGreeting, ...deps }: GuardDeps,
): Promise<readonly string[]> {
  if (emulated.length === 0) return [];
  const word = deps.word();
  const standIn = await deps.standIn(config.imdsPort, word);
  try {
    return await redirectFailures(emulated, word, readGreeting);
  } finally {
    await standIn.close();
  }
}

const rulesMissing = (differences: readonly string[]): CodedError =>
  new CodedError(
    "GUARD_RULES_MISSING",
    `The rules in the kernel are not those of the guard: ${differences.join("; ")}.`,
    {
      remedy:
        "Look for another program that changes the packet filter in this pod; the pod is started again.",
    },
  );

const notHolding = (problems: readonly string[]): CodedError =>
  new CodedError("GUARD_NOT_HOLDING", `The rules are in place, and still ${problems.join("; ")}.`, {
    remedy:
      "Look for what carries the pod's connections past its packet filter, such as an eBPF redirect of the network plugin.",
  });

/** A pod with the node's address is in the node's network, where the rules would apply to every program of the node. */
function refuseHostNetwork({ podIp, hostIp }: GuardConfig): void {
  if (podIp !== hostIp) return;
  throw new CodedError(
    "GUARD_HOST_NETWORK",
    `This pod is in the node's own network (both have the address ${hostIp}), which the guard must not change.`,
    {
      remedy: "Remove hostNetwork from the pod, or move it to a namespace that podrole does not guard.",
    },
  );
}
