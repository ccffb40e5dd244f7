import { isIPv4 } from "../../kit/address.ts";
import type { RuleInput } from "../packet-filter.ts";
import { ruleDifferences } from "../rule-differences.ts";

/**
 * The first wall for a kernel that takes no nft table of family `inet`: chains of our own in iptables' table `filter`,
 * in the one spelling that `iptables-save` lists them in. The table comes after NAT: a packet that another rule has
 * rewritten is known by the destination that its connection was opened to (`--ctorigdst`), and one that was rewritten
 * into a blocked address has that address in it.
 */
export type Version = 4 | 6;

/** Each built-in chain jumps to one of ours before anything else. */
export const JUMPS = [
  { from: "OUTPUT", to: "PODROLE_OUTPUT" },
  { from: "FORWARD", to: "PODROLE_FORWARD" },
] as const;

export function iptablesRules(version: Version, input: RuleInput): readonly string[] {
  const addresses = input.addresses.filter((address) => isIPv4(address) === (version === 4));
  // IPv4's source route needs CAP_NET_RAW. IPv6's routing header needs nothing.
  const detour = version === 6 ? ["-m rt -j DROP"] : [];
  const output = [
    ...detour,
    ...addresses.flatMap((address) => outputRules(address, input.openUid)),
    ...answeringRules(input),
  ];
  const forward = [...detour, ...addresses.map((address) => `-d ${network(address)} -j DROP`)];
  return [
    ...output.map((rule) => `-A ${JUMPS[0].to} ${rule}`),
    ...forward.map((rule) => `-A ${JUMPS[1].to} ${rule}`),
  ];
}

function outputRules(address: string, openUid: number | undefined): readonly string[] {
  const to = `-d ${network(address)}`;
  // In this direction only: our reset belongs to the same connection and must get back to the program.
  const once = `-m conntrack --ctorigdst ${address} --ctdir ORIGINAL`;
  return [
    ...(openUid === undefined ? [] : [`${to} -m owner --uid-owner ${openUid} -j RETURN`]),
    `${to} -p tcp -j ${RESET}`,
    `${to} -j DROP`,
    `-p tcp ${once} -j ${RESET}`,
    `${once} -j DROP`,
  ];
}

/** As nft/answering.ts, where 34 is the option Fast Open. Last in the chain, since a RETURN leaves it. */
function answeringRules({ sidecar }: RuleInput): readonly string[] {
  if (sidecar === undefined) return [];
  return sidecar.ports.flatMap((port) => {
    const loopback = "-o lo -p tcp -m tcp";
    const opening = `${loopback} --sport ${port} --tcp-flags SYN SYN`;
    return [
      `${loopback} --dport ${port} --tcp-option 34 --tcp-flags SYN SYN -j DROP`,
      `${opening} -m owner --uid-owner ${sidecar.uid} -j RETURN`,
      `${opening} -j DROP`,
    ];
  });
}

const RESET = "REJECT --reject-with tcp-reset";

function network(address: string): string {
  return `${address}/${isIPv4(address) ? 32 : 128}`;
}

/**
 * For `iptables-restore --noflush`, which takes a table as one transaction and leaves all other chains alone. Naming a
 * chain of our own empties it first, so applying twice equals once. A jump that already comes first stays.
 * @param saved what `iptables-save` printed before
 */
export function iptablesScript(version: Version, input: RuleInput, saved: string): string {
  const jumps = JUMPS.flatMap((jump) => {
    const present = rulesOf(saved, jump.from);
    if (standsFirst(present, jump)) return [];
    const ours = present.filter((rule) => rule === jumpRule(jump));
    return [...ours.map((rule) => rule.replace("-A", "-D")), jumpRule(jump).replace("-A", "-I")];
  });
  const chains = JUMPS.map(({ to }) => `:${to} - [0:0]`);
  return `${["*filter", ...chains, ...iptablesRules(version, input), ...jumps, "COMMIT"].join("\n")}\n`;
}

type Jump = (typeof JUMPS)[number];

const jumpRule = ({ from, to }: Jump): string => `-A ${from} -j ${to}`;

const standsFirst = ([first, ...rest]: readonly string[], jump: Jump): boolean =>
  first === jumpRule(jump) && !rest.includes(first);

/** The rules of one chain, as `iptables-save` prints them, without their counters. */
function rulesOf(saved: string, chain: string): readonly string[] {
  return saved
    .split("\n")
    .map((line) => line.replace(/^\[\d+:\d+\] /, "").trim())
    .filter((line) => line.startsWith(`-A ${chain} `));
}

/** As nft/differences.ts: exactly our rules, in their order, and the jump before anything else. */
export function iptablesDifferences(version: Version, input: RuleInput, saved: string): readonly string[] {
  const wanted = iptablesRules(version, input);
  return JUMPS.flatMap((jump) => {
    const ours = wanted.filter((rule) => rule.startsWith(`-A ${jump.to} `));
    return [
      ...(standsFirst(rulesOf(saved, jump.from), jump)
        ? []
        : [`IPv${version} ${jump.from} does not jump to ${jump.to} first`]),
      ...ruleDifferences(`IPv${version} chain ${jump.to}`, ours, rulesOf(saved, jump.to)),
    ];
  });
}

/** How often our two reset rules for the address have matched. */
export function iptablesResets(address: string, saved: string): number {
  const counted = saved.split("\n").flatMap((line) => {
    const [, packets, rule] = /^\[(\d+):\d+\] (-A PODROLE_OUTPUT .*)$/.exec(line.trim()) ?? [];
    const meant =
      rule?.endsWith(RESET) && rule.split(" ").some((word) => word === address || word === network(address));
    return meant ? [Number(packets)] : [];
  });
  return counted.reduce((sum, packets) => sum + packets, 0);
}
