import { isIPv4 } from "../../kit/address.ts";
import type { Rule } from "./table.ts";

/** Rules that several chains share. */

/** Matches packets to the address. */
export function to(address: string): string {
  return `${isIPv4(address) ? "ip" : "ip6"} daddr ${address}`;
}

export function drop(address: string): Rule {
  return { rule: `${to(address)} counter drop` };
}

/** Its counter proves that an attempt was refused by the guard and not by the other end. */
export function resetRule(address: string): string {
  return `${to(address)} meta l4proto tcp counter reject with tcp reset`;
}

/**
 * An accept for the one uid, before an unconditional drop, and never `skuid != x drop`: a packet without a socket has no
 * uid, so it would not match that test and would pass.
 */
export function openUidRules(address: string, openUid: number | undefined): readonly Rule[] {
  if (openUid === undefined) return [];
  return [
    {
      why: "Source `node`: the sidecar itself asks the metadata service. No other packet is accepted.",
      rule: `${to(address)} meta skuid ${openUid} counter accept`,
    },
  ];
}

export const ROUTING_HEADER: Rule = {
  why: "IPv6's source route. Any program may ask for one (IPV6_RTHDR), with no capability.",
  rule: "exthdr rt exists counter drop",
};
