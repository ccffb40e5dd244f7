import type { RuleInput } from "../packet-filter.ts";
import type { Chain, Rule } from "./table.ts";

/** nft's `filter`. */
const FILTER = 0;

/**
 * The chain that lets the sidecar alone serve at its ports. No connection is made unless both ends send a packet with the
 * flag SYN, so it is enough to judge those. The rest passes: a closed port's reset and what the kernel sends for a
 * connection that has ended have no socket and so no uid, and a client is to be refused at once while the sidecar
 * restarts. As in `openUidRules`, an accept comes before an unconditional drop.
 */
export function answeringChains({ sidecar }: RuleInput): readonly Chain[] {
  if (sidecar === undefined) return [];
  return [
    {
      name: "answering",
      why: "At the sidecar's ports nobody else accepts or opens a connection, and so nobody is handed the app's token.",
      base: { hook: "output", priority: FILTER, policy: "accept" },
      rules: sidecar.ports.flatMap((port) => portRules(port, sidecar.uid)),
    },
  ];
}

function portRules(port: number, uid: number): readonly Rule[] {
  return [
    { rule: `${opening("sport", port)} meta skuid ${uid} accept` },
    { rule: `${opening("sport", port)} counter drop` },
    {
      why: "TCP Fast Open: the request is in the packet that asks for the connection, so nobody has answered yet.",
      rule: `${opening("dport", port)} tcp option fastopen exists counter drop`,
    },
  ];
}

const opening = (which: "sport" | "dport", port: number): string =>
  `meta oif lo tcp ${which} ${port} tcp flags & syn == syn`;
