/**
 * The rules as data: {@link file://./script.ts} writes them down for nft, and {@link file://./differences.ts} finds them
 * again in what nft lists. `rule` is in nft's own language, in the one spelling that it lists rules in; in particular, nft
 * itself puts the test for IPv4 before `ip …` and the one for IPv6 before `ip6 …` and `exthdr …`, and does not list them.
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

export interface Rule {
  readonly rule: string;
  readonly why?: string;
}

export const TABLE_NAME = "podrole_guard";
