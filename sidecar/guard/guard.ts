import { CodedError } from "../kit/errors.ts";
import type { Log } from "../kit/log.ts";
import type { Reach } from "../reach.ts";
import type { GuardConfig } from "./config.ts";
import type { Nft } from "./nft.ts";
import { attempts, differences, leaks } from "./prove.ts";
import { rulesFor } from "./rules.ts";
import { scriptOf } from "./script.ts";

export interface GuardDeps {
  readonly config: GuardConfig;
  readonly nft: Nft;
  /** Names of every interface but loopback. */
  readonly interfaces: () => Promise<readonly string[]>;
  readonly reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>;
  readonly log: Log;
}

/** What was done, once it is proven. */
export interface Guarded {
  /** Chains that hang on a hook. */
  readonly hooks: number;
  readonly interfaces: number;
}

/**
 * Puts the rules in, reads them back and tries the blocked addresses. If the proof fails the rules stay: a guard that
 * is not proven is better than none, and the pod does not start on it.
 * @throws CodedError with a code that starts with `GUARD_`
 */
export async function guard({ config, nft, interfaces, reach, log }: GuardDeps): Promise<Guarded> {
  refuseHostNetwork(config);
  const { addresses, openUid } = config;
  const rulesNow = async () => rulesFor({ addresses, openUid, interfaces: await interfaces() });

  const script = scriptOf(await rulesNow());
  log.debug({ script }, "applying");
  await nft.apply(script);

  // Asked for again: an interface that has come up in the meantime is not guarded, and has to be noticed.
  const wanted = await rulesNow();
  const before = await nft.list();
  const wrong = differences(wanted, before);
  if (wrong.length > 0) {
    throw new CodedError(
      "GUARD_RULES_MISSING",
      `The rules in the kernel are not those of the guard: ${wrong.join("; ")}.`,
      {
        remedy: "Look for another program that changes nftables in this pod; the pod is started again.",
      },
    );
  }

  const tried = await attempts(addresses, reach);
  const leaking = leaks(tried, before, await nft.list());
  if (leaking.length > 0) {
    throw new CodedError("GUARD_NOT_HOLDING", `The rules are in place, and still ${leaking.join("; ")}.`, {
      remedy:
        "Look for what carries the pod's connections past its packet filter, such as an eBPF redirect of the network plugin.",
    });
  }
  const hooks = wanted.flatMap(({ chains }) => chains.flatMap(({ base }) => base ?? []));
  return { hooks: hooks.length, interfaces: hooks.flatMap(({ devices }) => devices ?? []).length };
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
