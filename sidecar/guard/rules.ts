import { METADATA_ADDRESSES } from "../contract/metadata.ts";
import { addressBits, isIPv4 } from "../kit/address.ts";

/** What the rules depend on, and nothing else. */
export interface RuleInput {
  /** Normalised, see kit/address.ts. */
  readonly addresses: readonly string[];
  /** Every interface but loopback. */
  readonly interfaces: readonly string[];
  readonly openUid: number | undefined;
  /** Where TCP port 80 of the metadata service leads to, on loopback, or undefined: nowhere. */
  readonly emulatedAt: number | undefined;
}

/**
 * The rules as data: {@link file://./script.ts} writes them down for nft and {@link file://./prove.ts} finds them again
 * in what nft lists. `rule` is nft's own language in the one spelling that it lists rules in; in particular, nft itself
 * puts the test for IPv4 before `ip …` and the one for IPv6 before `ip6 …` and `exthdr …`, and does not list them.
 */
export interface Table {
  readonly family: "inet" | "netdev";
  readonly chains: readonly Chain[];
}

export interface Chain {
  readonly name: string;
  readonly why: string;
  /** Absent in a chain that is only jumped to. */
  readonly base?: Base;
  readonly rules: readonly Rule[];
}

export interface Base {
  /** `filter` if absent. */
  readonly type?: "filter" | "nat";
  readonly hook: "input" | "output" | "forward" | "postrouting" | "egress";
  readonly priority: number;
  readonly policy: "accept" | "drop";
  readonly devices?: readonly string[];
}

interface Rule {
  readonly rule: string;
  readonly why?: string;
}

export const TABLE_NAME = "podrole_guard";

/** nft's `raw`: ahead of connection tracking (-200), and so of every chain that may rewrite an address (NAT). */
const BEFORE_NAT = -300;
/** One ahead of where a mesh redirects (-100): the first NAT rule that a connection meets decides. */
const BEFORE_MESH = -101;
/** Behind source NAT (100), the last that a NAT rule can have a say in. */
const AFTER_NAT = 300;
/** nft's `filter`. */
const FILTER = 0;

/**
 * Two walls. The `inet` table sees what goes through the kernel's IP stack, refuses it at once, and is complete for a
 * program without CAP_NET_RAW. The `netdev` table sees the frames of packet sockets as well, which never pass the first.
 */
export function rulesFor(input: RuleInput): readonly Table[] {
  return [
    {
      family: "inet",
      chains: [output(input), ...emulation(input), forward(input), postrouting(input)],
    },
    { family: "netdev", chains: input.interfaces.length === 0 ? [] : [leaving(input), egress(input)] },
  ];
}

function output(input: RuleInput): Chain {
  const { addresses, openUid } = input;
  const led = (address: string): readonly Rule[] =>
    isEmulated(input, address)
      ? [
          {
            why: "On to the chain `emulate`. What is not rewritten there ends in `postrouting`, as if this were not here.",
            rule: `${toHttp(address)} counter accept`,
          },
        ]
      : [];
  return {
    name: "output",
    why: "What this pod sends. Before NAT: a mesh's redirect would put its own proxy's address in place of the real one.",
    base: { hook: "output", priority: BEFORE_NAT, policy: "accept" },
    rules: [
      ...detours,
      ...addresses.flatMap((address) => [...opening(address, openUid), ...led(address), ...refusal(address)]),
    ],
  };
}

/** Only where the metadata service is emulated. */
function emulation(input: RuleInput): readonly Chain[] {
  const addresses = input.addresses.filter((address) => isEmulated(input, address));
  if (input.emulatedAt === undefined || addresses.length === 0) return [];
  return [emulate(addresses, input.emulatedAt, input.openUid), arriving(addresses, input.emulatedAt)];
}

function emulate(addresses: readonly string[], port: number, openUid: number | undefined): Chain {
  return {
    name: "emulate",
    why: "To the sidecar, which answers in the place of the metadata service.",
    base: { type: "nat", hook: "output", priority: BEFORE_MESH, policy: "accept" },
    rules: addresses.flatMap((address) => [
      ...opening(address, openUid),
      { rule: `${toHttp(address)} counter redirect to :${port}` },
    ]),
  };
}

/**
 * That it listens on loopback is not enough: a pod may be given `route_localnet`, with which its neighbours reach
 * 127.0.0.1, and `kubectl port-forward` is a program of the node's that connects to it inside the pod.
 */
function arriving(addresses: readonly string[], port: number): Chain {
  return {
    name: "arriving",
    why: "At the sidecar's port arrives what this pod has sent to the metadata service, and nothing else.",
    base: { hook: "input", priority: FILTER, policy: "accept" },
    rules: [
      ...addresses.map((address) => ({
        rule: `meta iif lo ct original ${to(address)} tcp dport ${port} accept`,
      })),
      {
        why: "Of this direction alone: a program's own connection may come from a port of this number.",
        rule: `tcp dport ${port} ct direction original counter reject with tcp reset`,
      },
    ],
  };
}

/** The metadata service alone: an address that is blocked by configuration has nothing to answer for it. */
export function isEmulated({ emulatedAt }: RuleInput, address: string): boolean {
  return emulatedAt !== undefined && METADATA_ADDRESSES.some((one) => one === address);
}

function toHttp(address: string): string {
  return `${to(address)} tcp dport 80`;
}

function forward({ addresses }: RuleInput): Chain {
  return {
    name: "forward",
    why: "What a network nested in this pod sends through it. It has no socket here, so no uid is let through.",
    base: { hook: "forward", priority: 0, policy: "accept" },
    rules: [...detours, ...addresses.map(drop)],
  };
}

function postrouting(input: RuleInput): Chain {
  return {
    name: "postrouting",
    why: "Once more after NAT: an address that a rule of somebody else has only now rewritten into a blocked one.",
    base: { hook: "postrouting", priority: AFTER_NAT, policy: "accept" },
    rules: input.addresses.flatMap((address) => [
      ...opening(address, input.openUid),
      drop(address),
      ...ledElsewhere(input, address),
    ]),
  };
}

/** `output` has let these pass for the sake of `emulate`, but another NAT rule may have come first. */
function ledElsewhere(input: RuleInput, address: string): readonly Rule[] {
  if (!isEmulated(input, address)) return [];
  const meant = `ct direction original ct original ${to(address)}`;
  const sidecar = `${to(isIPv4(address) ? "127.0.0.1" : "::1")} tcp dport ${input.emulatedAt}`;
  return [
    {
      why: "What was meant for the metadata service goes to the sidecar or nowhere, whoever has rewritten it.",
      rule: `meta oif lo ${meant} ${sidecar} accept`,
    },
    { rule: `${meant} counter drop` },
  ];
}

/** The way in for frames: only what is what it claims to be goes on to the addresses. */
function egress({ interfaces }: RuleInput): Chain {
  return {
    name: "egress",
    why: "Every frame that leaves, those of packet sockets included. A list of what may pass; the policy is to drop.",
    base: { hook: "egress", priority: 0, policy: "drop", devices: interfaces },
    rules: [
      {
        why: [
          "`meta protocol` is what the sender told the kernel, and a packet socket may tell it anything: an IPv4 frame",
          "sent as ARP is met by no `ip` rule. So the type in the frame itself (@ll,96,16) has to say the same. What",
          "carries a VLAN tag, which the receiver would strip, fits none of these. Not `ether type`: nft puts a test",
          "of the incoming interface before it, and on the way out there is none, so it never matches.",
        ].join("\n"),
        rule: "meta oiftype ether meta protocol ip @ll,96,16 0x800 goto leaving",
      },
      { rule: "meta oiftype ether meta protocol ip6 @ll,96,16 0x86dd goto leaving" },
      { rule: "meta oiftype ether meta protocol arp @ll,96,16 0x806 goto leaving" },
      {
        why: "Interfaces without Ethernet frames (a tunnel): there the packet's own version has to agree.",
        rule: "meta oiftype != ether ip version 4 goto leaving",
      },
      { rule: "meta oiftype != ether ip6 version 6 goto leaving" },
      { why: "What ends here is dropped; the counter is for whoever looks into it.", rule: "counter" },
    ],
  };
}

function leaving({ addresses, openUid }: RuleInput): Chain {
  return {
    name: "leaving",
    why: "Frames of egress that are IPv4, IPv6 or ARP beyond doubt.",
    rules: [
      {
        why: [
          "No IPv4 options but IGMP's router alert: one of them is the source route, by which a router puts another",
          "destination in. nft's `ip option` reads the wrong bytes in this hook, so it is all options or none.",
        ].join("\n"),
        rule: "ip hdrlength > 5 ip protocol != igmp counter drop",
      },
      routingHeader,
      ...addresses.flatMap((address) => [...opening(address, openUid), drop(address)]),
      ...addresses.map(dropInFrame),
      { rule: "accept" },
    ],
  };
}

const routingHeader: Rule = {
  why: "IPv6's source route. Any program may ask for one (IPV6_RTHDR), with no capability.",
  rule: "exthdr rt exists counter drop",
};

const detours: readonly Rule[] = [
  {
    why: "A source route: the packet is addressed to a router, and the destination is in an option.",
    rule: "ip option lsrr exists counter drop",
  },
  { rule: "ip option ssrr exists counter drop" },
  routingHeader,
];

/**
 * First an accept for the one uid, then an unconditional drop, and never `skuid != x drop`: a packet that has no socket
 * has no uid either, so that test would not match it and it would pass.
 */
function opening(address: string, openUid: number | undefined): readonly Rule[] {
  if (openUid === undefined) return [];
  return [
    {
      why: "Source `node`: the sidecar asks the metadata service itself. No accept but this one.",
      rule: `${to(address)} meta skuid ${openUid} counter accept`,
    },
  ];
}

/** A reset ends an SDK's attempt in under a millisecond; for a silent drop it waits for seconds. */
function refusal(address: string): readonly Rule[] {
  return [
    { rule: resetRule(address) },
    { why: "UDP and the rest: the sender gets EPERM.", ...drop(address) },
  ];
}

/** Its counter proves that an attempt was turned away here and not by the other end. */
export function resetRule(address: string): string {
  return `${to(address)} meta l4proto tcp counter reject with tcp reset`;
}

function drop(address: string): Rule {
  return { rule: `${to(address)} counter drop` };
}

function to(address: string): string {
  return `${isIPv4(address) ? "ip" : "ip6"} daddr ${address}`;
}

/** 14 bytes of Ethernet, then the destination: 16 bytes into an IPv4 header, 24 into an IPv6 one. Offsets are in bits. */
function dropInFrame(address: string): Rule {
  const place = isIPv4(address) ? "@ll,240,32" : "@ll,304,128";
  return {
    why: [
      "The same addresses once more, at their place in the frame: on a VLAN interface the kernel looks for a packet",
      "socket's IP header four bytes too far in.",
    ].join("\n"),
    rule: `meta oiftype ether ${place} 0x${addressBits(address).toString(16)} counter drop`,
  };
}
