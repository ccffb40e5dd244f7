import { isIPv4 } from "../../kit/address.ts";
import { isEmulated, type RuleInput } from "../packet-filter.ts";
import { openUidRules, to } from "./rules.ts";
import type { Chain, Rule } from "./table.ts";

/** Just before a mesh redirects (-100): the first NAT rule that a connection meets decides. */
const BEFORE_MESH = -101;
/** nft's `filter`. */
const FILTER = 0;

export function toHttp(address: string): string {
  return `${to(address)} tcp dport 80`;
}

/** The chains that lead the metadata service's port 80 to the sidecar. None where it is blocked. */
export function emulationChains(input: RuleInput): readonly Chain[] {
  const addresses = input.addresses.filter((address) => isEmulated(input, address));
  if (input.redirectPort === undefined || addresses.length === 0) return [];
  return [emulate(addresses, input.redirectPort, input.openUid), arriving(addresses, input.redirectPort)];
}

function emulate(addresses: readonly string[], port: number, openUid: number | undefined): Chain {
  return {
    name: "emulate",
    why: "To the sidecar, which answers in place of the metadata service.",
    base: { type: "nat", hook: "output", priority: BEFORE_MESH, policy: "accept" },
    rules: addresses.flatMap((address) => [
      ...openUidRules(address, openUid),
      { rule: `${toHttp(address)} counter redirect to :${port}` },
    ]),
  };
}

/**
 * Listening on loopback is not enough: a pod may be given `route_localnet`, with which its neighbours reach 127.0.0.1,
 * and `kubectl port-forward` is a program of the node that connects to loopback inside the pod.
 */
function arriving(addresses: readonly string[], port: number): Chain {
  return {
    name: "arriving",
    why: "At the sidecar's port, only what this pod has sent to the metadata service arrives.",
    base: { hook: "input", priority: FILTER, policy: "accept" },
    rules: [
      ...addresses.map((address) => ({
        rule: `meta iif lo ct original ${to(address)} tcp dport ${port} accept`,
      })),
      {
        why: "In this direction only: a program's own connection may have a source port of this number.",
        rule: `tcp dport ${port} ct direction original counter reject with tcp reset`,
      },
    ],
  };
}

/** `output` lets these packets pass to `emulate`, but another NAT rule may come first and send them elsewhere. */
export function redirectedElsewhere(input: RuleInput, address: string): readonly Rule[] {
  if (!isEmulated(input, address)) return [];
  const meant = `ct direction original ct original ${to(address)}`;
  const sidecar = `${to(isIPv4(address) ? "127.0.0.1" : "::1")} tcp dport ${input.redirectPort}`;
  return [
    {
      why: "What was sent to the metadata service goes to the sidecar or nowhere, whatever has rewritten it.",
      rule: `meta oif lo ${meant} ${sidecar} accept`,
    },
    { rule: `${meant} counter drop` },
  ];
}
