import { isEmulated, type RuleInput } from "../packet-filter.ts";
import { answeringChains } from "./answering.ts";
import { emulationChains, redirectedElsewhere, toHttp } from "./emulation.ts";
import { drop, openUidRules, resetRule, ROUTING_HEADER } from "./rules.ts";
import type { Chain, Rule, Table } from "./table.ts";

/** nft's `raw`: ahead of connection tracking (-200), and so of every chain that may rewrite an address (NAT). */
const BEFORE_NAT = -300;
/** After source NAT (100), the last point at which a NAT rule can change the address. */
const AFTER_NAT = 300;

/**
 * The first wall: everything that goes through the kernel's IP stack, refused at once. It is complete for a program
 * without CAP_NET_RAW.
 */
export const inetTable = (input: RuleInput): Table => ({
  family: "inet",
  chains: [
    output(input),
    ...answeringChains(input),
    ...emulationChains(input),
    forward(input),
    postrouting(input),
  ],
});

function output(input: RuleInput): Chain {
  const { addresses, openUid } = input;
  return {
    name: "output",
    why: "What this pod sends. Before NAT: a mesh's redirect would put its own proxy's address in place of the real one.",
    base: { hook: "output", priority: BEFORE_NAT, policy: "accept" },
    rules: [
      ...SOURCE_ROUTES,
      ...addresses.flatMap((address) => [
        ...openUidRules(address, openUid),
        ...(isEmulated(input, address) ? [leftToEmulate(address)] : []),
        ...refusal(address),
      ]),
    ],
  };
}

const leftToEmulate = (address: string): Rule => ({
  why: "On to the chain `emulate`. What is not rewritten there is dropped in `postrouting`.",
  rule: `${toHttp(address)} counter accept`,
});

function forward({ addresses }: RuleInput): Chain {
  return {
    name: "forward",
    why: "What a network nested in this pod sends through it. It has no socket here, so no uid is let through.",
    base: { hook: "forward", priority: 0, policy: "accept" },
    rules: [...SOURCE_ROUTES, ...addresses.map(drop)],
  };
}

function postrouting(input: RuleInput): Chain {
  return {
    name: "postrouting",
    why: "Once more after NAT: another program's rule may have rewritten an address into a blocked one.",
    base: { hook: "postrouting", priority: AFTER_NAT, policy: "accept" },
    rules: input.addresses.flatMap((address) => [
      ...openUidRules(address, input.openUid),
      drop(address),
      ...redirectedElsewhere(input, address),
    ]),
  };
}

const SOURCE_ROUTES: readonly Rule[] = [
  {
    why: "A source route: the packet is addressed to a router, and the destination is in an option.",
    rule: "ip option lsrr exists counter drop",
  },
  { rule: "ip option ssrr exists counter drop" },
  ROUTING_HEADER,
];

/** A reset ends an SDK's attempt in under a millisecond; for a silent drop it waits for seconds. */
function refusal(address: string): readonly Rule[] {
  return [
    { rule: resetRule(address) },
    { why: "UDP and the rest: the sender gets EPERM.", ...drop(address) },
  ];
}
