import { CodedError } from "../kit/errors.ts";
import type { Log } from "../kit/log.ts";
import type { Reach } from "../kit/reach.ts";
import type { GuardConfig } from "./config.ts";
import type { PacketFilter, Standing } from "./filter.ts";
import type { Heard, StandIn } from "./emulation.ts";
import { attempts, leaks, notUs } from "./prove.ts";
import { isEmulated, type RuleInput } from "./rules.ts";

export interface GuardDeps {
  readonly config: GuardConfig;
  /** The best first; what follows is for a kernel or an image that lacks what the ones before need. */
  readonly filters: readonly PacketFilter[];
  /** Names of every interface but loopback. */
  readonly interfaces: () => Promise<readonly string[]>;
  readonly reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>;
  /** See emulation.ts. */
  readonly hear: (address: string, port: number, timeoutMs: number) => Promise<Heard>;
  readonly standIn: (port: number, word: string) => Promise<StandIn>;
  /** What nobody else in the pod can know. */
  readonly word: () => string;
  readonly log: Log;
}

/** What was done, once it is proven. */
export interface Guarded extends Pick<Standing, "hooks" | "interfaces"> {
  readonly filter: string;
  readonly egressHook: boolean;
}

/**
 * Puts the rules in, reads them back and tries the blocked addresses. If the proof fails the rules stay: a guard that
 * is not proven is better than none, and the pod does not start on it.
 * @throws CodedError with a code that starts with `GUARD_`
 */
export async function guard(deps: GuardDeps): Promise<Guarded> {
  const { config, filters, interfaces, reach, log } = deps;
  refuseHostNetwork(config);
  const { addresses, openUid } = config;
  const emulatedAt = config.imds === "emulate" ? config.imdsPort : undefined;
  const inputNow = async (): Promise<RuleInput> => ({
    addresses,
    openUid,
    emulatedAt,
    interfaces: await interfaces(),
  });

  const usable = filters.filter((filter) => filter.egressHook || config.egressHook === "prefer");
  const filter = await put(usable, await inputNow(), log);

  // Asked for again: an interface that has come up in the meantime is not guarded, and has to be noticed.
  const input = await inputNow();
  const before = await filter.read(input);
  if (before.differences.length > 0) {
    throw new CodedError(
      "GUARD_RULES_MISSING",
      `The rules in the kernel are not those of the guard: ${before.differences.join("; ")}.`,
      {
        remedy:
          "Look for another program that changes the packet filter in this pod; the pod is started again.",
      },
    );
  }

  const led = addresses.filter((address) => isEmulated(input, address));
  const tried = await attempts(addresses, reach, (address) => led.includes(address));
  const leaking = [
    ...leaks(tried, before.resets, await filter.resets(input)),
    ...(led.length === 0 ? [] : await notUsAt(led, config.imdsPort, deps)),
  ];
  if (leaking.length > 0) {
    throw new CodedError("GUARD_NOT_HOLDING", `The rules are in place, and still ${leaking.join("; ")}.`, {
      remedy:
        "Look for what carries the pod's connections past its packet filter, such as an eBPF redirect of the network plugin.",
    });
  }
  const { hooks, interfaces: watched } = before;
  return { hooks, interfaces: watched, filter: filter.name, egressHook: filter.egressHook };
}

/** What the next filter may make up for. Anything else, a missing capability above all, would fail there as well. */
const LACKING = new Set(["GUARD_NO_EGRESS_HOOK", "GUARD_NO_PACKET_FILTER"]);

/** @returns the first filter that took the rules */
async function put(filters: readonly PacketFilter[], input: RuleInput, log: Log): Promise<PacketFilter> {
  const lacking: CodedError[] = [];
  for (const filter of filters) {
    try {
      await filter.put(input);
      return filter;
    } catch (error) {
      if (!(error instanceof CodedError) || !LACKING.has(error.code)) throw error;
      log.warn({ filter: filter.name, code: error.code, reason: error.message }, "not to be had in this pod");
      lacking.push(error);
    }
  }
  throw lackingAll(lacking);
}

/** One message out of several: what was tried, and why none of it served. */
function lackingAll(errors: readonly CodedError[]): CodedError {
  const byMessage = new Map(errors.map((error) => [error.message, error]));
  const [first] = errors;
  if (first !== undefined && byMessage.size === 1) return first;
  const reasons = [...byMessage.keys()].map((message) => message.replace(/\.$/, ""));
  const remedies = new Set(errors.flatMap(({ remedy }) => remedy ?? []));
  return new CodedError(
    "GUARD_NO_PACKET_FILTER",
    `Nothing in this pod can hold the addresses: ${reasons.join("; ")}.`,
    { remedy: [...remedies].join(" ") },
  );
}

/** The sidecar does not run yet, so the guard stands in for it. */
async function notUsAt(
  addresses: readonly string[],
  port: number,
  deps: Pick<GuardDeps, "hear" | "standIn" | "word">,
): Promise<readonly string[]> {
  const word = deps.word();
  const standIn = await deps.standIn(port, word);
  try {
    return await notUs(addresses, word, deps.hear);
  } finally {
    await standIn.close();
  }
}

/** A pod with the node's address is in the node's network, where the rules would hold for every program of the node. */
function refuseHostNetwork({ podIp, hostIp }: GuardConfig): void {
  if (podIp !== hostIp) return;
  throw new CodedError(
    "GUARD_HOST_NETWORK",
    `This pod is in the node's own network (both have the address ${hostIp}), which it must not change.`,
    {
      remedy: "Remove hostNetwork from the pod, or move it to a namespace that podrole does not guard.",
    },
  );
}
