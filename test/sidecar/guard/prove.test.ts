import { describe, expect, test } from "vitest";
import type { Resets } from "../../../sidecar/guard/filter.ts";
import type { ListedChain, ListedRule, Listing } from "../../../sidecar/guard/listing.ts";
import { attempts, differences, leaks, type Attempt } from "../../../sidecar/guard/prove.ts";
import { rulesFor } from "../../../sidecar/guard/rules.ts";
import { NFT_VERSIONS, PODS, recorded } from "./listings.ts";

const names = ["two-interfaces", "open-uid", "emulate", "emulate-open-uid"] as const;
const BLOCKING = ["inet output", "inet forward", "inet postrouting", "netdev leaving", "netdev egress"];
const chainsOf = (pod: keyof typeof PODS): readonly string[] =>
  pod.startsWith("emulate") ? [...BLOCKING, "inet emulate", "inet arriving"] : BLOCKING;

describe.each(names)("the rules of %s, read back", (pod) => {
  const wanted = rulesFor(PODS[pod]);
  const places = recorded(pod).chains.flatMap(({ family, name, rules }) =>
    rules.map((rule, index) => ({ family, name, index, rule: rule.rule })),
  );

  test.each(NFT_VERSIONS)("are found as nft %s lists them", (version) => {
    expect(differences(wanted, recorded(pod, { version }))).toEqual([]);
  });

  test("are found where nft has no names for protocols and lists their numbers", () => {
    const numbers = (text: string): string =>
      text.replaceAll('"right": "tcp"', '"right": 6').replaceAll('"right": "igmp"', '"right": 2');
    expect(differences(wanted, recorded(pod, { change: numbers }))).toEqual([]);
  });

  test.each(places)("$family $name lacks rule $index", ({ family, name, index, rule }) => {
    const without = edited(pod, family, name, (rules) => rules.toSpliced(index, 1));
    expect(differences(wanted, without)).toEqual([`chain ${family} ${name} lacks ${JSON.stringify(rule)}`]);
  });

  test.each(places.filter(({ index }) => index > 0))("$family $name has rule $index too early", (place) => {
    const { family, name, index } = place;
    const swapped = edited(pod, family, name, (rules) => {
      const [rule] = rules.slice(index, index + 1);
      return rule ? [rule, ...rules.toSpliced(index, 1)] : rules;
    });
    expect(differences(wanted, swapped)).toEqual([`chain ${family} ${name} has its rules in another order`]);
  });

  test.each(chainsOf(pod))("%s begins with an accept", (chain) => {
    const [family = "", name = ""] = chain.split(" ");
    const opened = edited(pod, family, name, (rules) => [{ rule: "accept", packets: undefined }, ...rules]);
    expect(differences(wanted, opened)).not.toEqual([]);
  });

  test.each(chainsOf(pod))("%s is gone", (chain) => {
    const [family, name] = chain.split(" ");
    const listing = recorded(pod);
    const chains = listing.chains.filter((other) => other.family !== family || other.name !== name);
    expect(differences(wanted, { ...listing, chains })).toEqual([`chain ${chain} is missing`]);
  });
});

describe("a weakened guard is noticed", () => {
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
    ["a chain behind NAT", '"prio": -300', '"prio": 0'],
    ["another chain to go to", '{"target": "leaving"}', '{"target": "elsewhere"}'],
    [
      "a limit",
      '{"counter": {"packets": 0, "bytes": 0}}, {"drop": null}',
      '{"limit": {"rate": 1}}, {"drop": null}',
    ],
    ["a dormant table", '{"table": {"family": "inet",', '{"table": {"flags": "dormant", "family": "inet",'],
    ["an interface left out", 'device "eth0"', 'device "eth1"'],
  ])("%s", (_, from, to) => {
    let found = false;
    const change = (text: string): string => {
      found ||= text.includes(from);
      return text.replaceAll(from, to);
    };
    const listing = recorded("open-uid", { change });
    expect(found).toBe(true);
    expect(differences(rulesFor(PODS["open-uid"]), listing)).not.toEqual([]);
  });

  test.each([
    ["another port to be led to", '{"redirect": {"port": 16927}}', '{"redirect": {"port": 16925}}'],
    ["a redirect to the same port number", '{"redirect": {"port": 16927}}', '{"redirect": null}'],
    ["a destination of somebody's", '{"redirect": {"port": 16927}}', '{"dnat": {"addr": "10.70.0.1"}}'],
    ["a chain behind the mesh's", '"prio": -101', '"prio": -99'],
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
      "an arrival by the way back",
      '"key": "ip daddr", "dir": "original"',
      '"key": "ip daddr", "dir": "reply"',
    ],
    [
      "a direction that nothing has",
      '{"ct": {"key": "direction"}}, "right": "original"',
      '{"ct": {"key": "direction"}}, "right": "reply"',
    ],
  ])("where it emulates: %s", (_, from, to) => {
    let found = false;
    const change = (text: string): string => {
      found ||= text.includes(from);
      return text.replaceAll(from, to);
    };
    const listing = recorded("emulate", { change });
    expect(found).toBe(true);
    expect(differences(rulesFor(PODS.emulate), listing)).not.toEqual([]);
  });

  test("a table that is not there", () => {
    const empty = { tables: [], chains: [], devices: [] };
    expect(differences(rulesFor(PODS["open-uid"]), empty)).toContain("the inet table is missing");
  });

  test("an interface that came up after the rules", () => {
    const wanted = rulesFor({ ...PODS["two-interfaces"], interfaces: ["eth0", "net1", "net2"] });
    expect(differences(wanted, recorded("two-interfaces"))).toEqual(["interface net2 is not guarded"]);
  });

  test("a chain that is not ours", () => {
    const listing = recorded("open-uid");
    const chains = [...listing.chains, { family: "inet", name: "mine", base: "", rules: [] }];
    expect(differences(rulesFor(PODS["open-uid"]), { ...listing, chains })).toEqual([
      "the inet table has a chain mine that is not ours",
    ]);
  });
});

describe("the attempts", () => {
  const address = "169.254.169.254";
  const refused = (code: string): Attempt => ({ address, port: 80, outcome: { kind: "refused", code } });

  test("go to every address, on the port of the service and on another", async () => {
    const asked: string[] = [];
    await attempts(["169.254.169.254", "fd00:ec2::254"], async (to, port) => {
      asked.push(`${to} ${port}`);
      return { kind: "timeout" };
    });
    expect(asked.toSorted()).toEqual([
      "169.254.169.254 443",
      "169.254.169.254 80",
      "fd00:ec2::254 443",
      "fd00:ec2::254 80",
    ]);
  });

  test("are held by a reset that our own rule has counted", () => {
    expect(leaks([refused("ECONNREFUSED")], resets(3), resets(4))).toEqual([]);
  });

  test("are not held by a reset of somebody else", () => {
    expect(leaks([refused("ECONNREFUSED")], resets(3), resets(3))).toEqual([
      "169.254.169.254 was refused by something other than the guard",
    ]);
    expect(leaks([refused("ECONNREFUSED"), refused("ECONNREFUSED")], resets(3), resets(4))).not.toEqual([]);
  });

  test.each(["EACCES", "EPERM", "EINVAL", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"])(
    "are held where the pod has no way there: %s",
    (code) => {
      expect(leaks([refused(code)], resets(0), resets(0))).toEqual([]);
    },
  );

  test.each([
    ["an answer", { kind: "connected" }, "169.254.169.254 port 80 answered"],
    ["silence", { kind: "timeout" }, "169.254.169.254 port 80 was not refused within 1000 ms"],
    [
      "an error that refuses nothing",
      { kind: "refused", code: "EMFILE" },
      "169.254.169.254 port 80 ended with EMFILE",
    ],
  ] as const)("are not held by %s", (_, outcome, leak) => {
    expect(leaks([{ address, port: 80, outcome }], resets(0), resets(9))).toEqual([leak]);
  });

  const resets = (packets: number): Resets => new Map([[address, packets]]);
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
