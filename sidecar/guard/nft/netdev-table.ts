import { addressBits, isIPv4 } from "../../kit/address.ts";
import type { RuleInput } from "../packet-filter.ts";
import { drop, openUidRules, ROUTING_HEADER } from "./rules.ts";
import type { Chain, Rule, Table } from "./table.ts";

/** The second wall: the frames of packet sockets, which never pass the first. */
export const netdevTable = (input: RuleInput): Table => ({
  family: "netdev",
  chains: input.interfaces.length === 0 ? [] : [leaving(input), egress(input)],
});

/** Only a frame that is what it claims to be goes on to the rules about addresses. */
function egress({ interfaces }: RuleInput): Chain {
  return {
    name: "egress",
    why: "Every frame that leaves, those of packet sockets included. A list of what may pass; the policy is to drop.",
    base: { hook: "egress", priority: 0, policy: "drop", devices: interfaces },
    rules: [
      {
        why: [
          "`meta protocol` is what the sender told the kernel, and a packet socket may tell it anything: an IPv4 frame",
          "sent as ARP matches no `ip` rule. So the type in the frame itself (@ll,96,16) has to say the same. A frame",
          "with a VLAN tag, which the receiver would strip, matches none of these. Not `ether type`: nft puts a test",
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
      { why: "The rest is dropped by the policy; the counter helps to find out why.", rule: "counter" },
    ],
  };
}

function leaving({ addresses, openUid }: RuleInput): Chain {
  return {
    name: "leaving",
    why: "Frames that are certainly IPv4, IPv6 or ARP.",
    rules: [
      {
        why: [
          "No IPv4 options but IGMP's router alert: one of them is the source route, by which a router puts another",
          "destination in. nft's `ip option` reads the wrong bytes in this hook, so it is all options or none.",
        ].join("\n"),
        rule: "ip hdrlength > 5 ip protocol != igmp counter drop",
      },
      ROUTING_HEADER,
      ...addresses.flatMap((address) => [...openUidRules(address, openUid), drop(address)]),
      ...addresses.map(dropInFrame),
      { rule: "accept" },
    ],
  };
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
