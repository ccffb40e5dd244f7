import { describe, expect, test } from "vitest";
import { differences } from "../../../../sidecar/guard/nft/differences.ts";
import type { ListedChain, ListedRule, Listing } from "../../../../sidecar/guard/nft/listing.ts";
import { tablesFor } from "../../../../sidecar/guard/nft/tables.ts";
import { NFT_VERSIONS, PODS, recorded } from "./listings.ts";

const names = ["two-interfaces", "open-uid", "emulate", "emulate-open-uid"] as const;
const BLOCKING = ["inet output", "inet forward", "inet postrouting", "netdev leaving", "netdev egress"];
const chainsOf = (pod: keyof typeof PODS): readonly string[] => [
  ...BLOCKING,
  ...(pod.startsWith("emulate") ? ["inet emulate", "inet arriving"] : []),
  ...(PODS[pod].sidecar === undefined ? [] : ["inet answering"]),
];

describe.each(names)("the guard, reading back the rules of %s,", (pod) => {
  const wanted = tablesFor(PODS[pod]);
  const places = recorded(pod).chains.flatMap(({ family, name, rules }) =>
    rules.map((rule, index) => ({ family, name, index, rule: rule.rule })),
  );

  test.each(NFT_VERSIONS)("finds them as nft %s lists them", (version) => {
    expect(differences(wanted, recorded(pod, { version }))).toEqual([]);
  });

  test("finds them when nft lists protocols by number", () => {
    const numbers = (text: string): string =>
      text.replaceAll('"right": "tcp"', '"right": 6').replaceAll('"right": "igmp"', '"right": 2');
    expect(differences(wanted, recorded(pod, { change: numbers }))).toEqual([]);
  });

  test.each(places)("notices that $family $name lacks rule $index", ({ family, name, index, rule }) => {
    const without = edited(pod, family, name, (rules) => rules.toSpliced(index, 1));
    expect(differences(wanted, without)).toEqual([`chain ${family} ${name} lacks ${JSON.stringify(rule)}`]);
  });

  test.each(places.filter(({ index }) => index > 0))(
    "notices that $family $name has rule $index too early",
    (place) => {
      const { family, name, index } = place;
      const swapped = edited(pod, family, name, (rules) => {
        const [rule] = rules.slice(index, index + 1);
        return rule ? [rule, ...rules.toSpliced(index, 1)] : rules;
      });
      expect(differences(wanted, swapped)).toEqual([
        `chain ${family} ${name} has its rules in another order`,
      ]);
    },
  );

  test.each(chainsOf(pod))("notices that %s begins with an accept", (chain) => {
    const [family = "", name = ""] = chain.split(" ");
    const opened = edited(pod, family, name, (rules) => [{ rule: "accept", packets: undefined }, ...rules]);
    expect(differences(wanted, opened)).not.toEqual([]);
  });

  test.each(chainsOf(pod))("notices that %s is missing", (chain) => {
    const [family, name] = chain.split(" ");
    const listing = recorded(pod);
    const chains = listing.chains.filter((other) => other.family !== family || other.name !== name);
    expect(differences(wanted, { ...listing, chains })).toEqual([`chain ${chain} is missing`]);
  });
});

describe("the guard notices", () => {
  test.each([
    ["one address for another", '"169.254.169.254"', '"169.254.169.253"'],
    ["an accept in place of a drop", '{"drop": null}', '{"accept": null}'],
    ["a silent drop in place of a reset", '{"reject": {"type": "tcp reset"}}', '{"drop": null}'],
    ["an ICMP error in place of a reset", '"tcp reset"', '"icmpx", "expr": "admin-prohibited"'],
    ["UDP in place of TCP", '"right": "tcp"', '"right": "udp"'],
    ["a uid that is let through", "64169", "1000"],
    [
      "every uid but one",
      '"op": "==", "left": {"meta": {"key": "skuid"}}',
      '"op": "!=", "left": {"meta": {"key": "skuid"}}',
    ],
    ["the source in place of the destination", '"field": "daddr"', '"field": "saddr"'],
    ["another place in the frame", '"offset": 240', '"offset": 208'],
    ["another address in the frame", "2852039166", "2852039165"],
    ["another frame type", "2048", "33024"],
    ["a policy to accept", '"policy": "drop"', '"policy": "accept"'],
    ["a hook on the way in", '"hook": "egress"', '"hook": "ingress"'],
    ["a chain after NAT", '"prio": -300', '"prio": 0'],
    ["another chain to go to", '{"target": "leaving"}', '{"target": "elsewhere"}'],
    [
      "a limit",
      '{"counter": {"packets": 0, "bytes": 0}}, {"drop": null}',
      '{"limit": {"rate": 1}}, {"drop": null}',
    ],
    ["a dormant table", '{"table": {"family": "inet",', '{"table": {"flags": "dormant", "family": "inet",'],
    ["an interface left out", 'device "eth0"', 'device "eth1"'],
  ])("%s", (_, from, to) => {
    expect(noticed("open-uid", from, to)).not.toEqual([]);
  });

  test.each([
    ["a redirect to another port", '{"redirect": {"port": 16927}}', '{"redirect": {"port": 16925}}'],
    ["a redirect to the same port number", '{"redirect": {"port": 16927}}', '{"redirect": null}'],
    ["a redirect to another program", '{"redirect": {"port": 16927}}', '{"dnat": {"addr": "10.70.0.1"}}'],
    ["a chain after the mesh's", '"prio": -101', '"prio": -99'],
    ["a chain that rewrites nothing", '"type": "nat"', '"type": "filter"'],
    [
      "an arrival from any interface",
      '{"meta": {"key": "iif"}}, "right": "lo"',
      '{"meta": {"key": "iif"}}, "right": "eth0"',
    ],
    [
      "an arrival of what was sent elsewhere",
      '"key": "ip daddr", "dir": "original"',
      '"key": "ip saddr", "dir": "original"',
    ],
    [
      "an arrival in the reply direction",
      '"key": "ip daddr", "dir": "original"',
      '"key": "ip daddr", "dir": "reply"',
    ],
    [
      "a reset in the reply direction only",
      '{"ct": {"key": "direction"}}, "right": "original"',
      '{"ct": {"key": "direction"}}, "right": "reply"',
    ],
    ["an answer by another uid", "51234", "51235"],
    ["an answer from another port", '"right": 16926', '"right": 16928'],
    [
      "answers that are judged elsewhere than on loopback",
      '"key": "oif"}}, "right": "lo"',
      '"key": "oif"}}, "right": "eth0"',
    ],
    ["another option", '"name": "fastopen"', '"name": "timestamp"'],
    ["another flag", '"syn"]}, "right": "syn"', '"ack"]}, "right": "ack"'],
    ["the flag unset", '"syn"]}, "right": "syn"', '"syn"]}, "right": 0'],
    ["every flag but one", '{"op": "==", "left": {"&"', '{"op": "!=", "left": {"&"'],
    ["two flags", '"field": "flags"}}, "syn"]', '"field": "flags"}}, "syn", "ack"]'],
    ["the acknowledged number in place of the flags", '"field": "flags"', '"field": "ackseq"'],
  ])("%s, when it emulates the metadata service", (_, from, to) => {
    expect(noticed("emulate", from, to)).not.toEqual([]);
  });

  test("a missing table", () => {
    const empty = { tables: [], chains: [], devices: [] };
    expect(differences(tablesFor(PODS["open-uid"]), empty)).toContain("the inet table is missing");
  });

  test("an interface that came up after the rules", () => {
    const wanted = tablesFor({ ...PODS["two-interfaces"], interfaces: ["eth0", "net1", "net2"] });
    expect(differences(wanted, recorded("two-interfaces"))).toEqual(["interface net2 is not guarded"]);
  });

  test("a chain that is not its own", () => {
    const listing = recorded("open-uid");
    const chains = [...listing.chains, { family: "inet", name: "mine", base: "", rules: [] }];
    expect(differences(tablesFor(PODS["open-uid"]), { ...listing, chains })).toEqual([
      "the inet table has a chain mine that is not the guard's",
    ]);
  });
});

function edited(
  pod: keyof typeof PODS,
  family: string,
  name: string,
  change: (rules: readonly ListedRule[]) => readonly ListedRule[],
): Listing {
  const listing = recorded(pod);
  const edit = (chain: ListedChain): ListedChain =>
    chain.family === family && chain.name === name
      ? Object.assign(chain, { rules: change(chain.rules) })
      : chain;
  return { ...listing, chains: listing.chains.map(edit) };
}

/** The differences that one change of nft's listing makes. */
function noticed(pod: keyof typeof PODS, from: string, to: string): readonly string[] {
  let found = false;
  const change = (text: string): string => {
    found ||= text.includes(from);
    return text.replaceAll(from, to);
  };
  const listing = recorded(pod, { change });
  if (!found) throw new Error(`nothing to change: ${from}`);
  return differences(tablesFor(PODS[pod]), listing);
}
