import { describe, expect, test } from "vitest";
import { scriptOf } from "../../../../sidecar/guard/nft/script.ts";
import { tablesFor } from "../../../../sidecar/guard/nft/tables.ts";
import type { RuleInput } from "../../../../sidecar/guard/packet-filter.ts";
import { PODS } from "./listings.ts";

const CASES: Readonly<Record<string, RuleInput>> = {
  ...PODS,
  "one-address": {
    addresses: ["169.254.169.254"],
    interfaces: ["eth0"],
    openUid: undefined,
    redirectPort: undefined,
    sidecar: undefined,
  },
  "no-interface": {
    addresses: ["fd00:ec2::254"],
    interfaces: [],
    openUid: undefined,
    redirectPort: undefined,
    sidecar: undefined,
  },
};

test.each(Object.keys(CASES))("the guard writes the rules of %s", async (name) => {
  await expect(textOf(CASES[name])).toMatchFileSnapshot(`golden/${name}.nft`);
});

test("the guard names no table but its own", () => {
  const tables = textOf(PODS["open-uid"]).match(/table \S+ \S+/g);
  expect(new Set(tables)).toEqual(new Set(["table inet podrole_guard", "table netdev podrole_guard"]));
});

test("the guard replaces its tables in one transaction", () => {
  const lines = textOf(PODS["two-interfaces"]).split("\n");
  for (const family of ["inet", "netdev"]) {
    const at = ["add table", "delete table", "table"].map((verb) =>
      lines.findIndex((line) => line.startsWith(`${verb} ${family} podrole_guard`)),
    );
    expect(at).toEqual([at[0], (at[0] ?? 0) + 1, (at[0] ?? 0) + 2]);
  }
});

test("the guard lets no uid through unless one is configured", () => {
  expect(textOf(PODS["two-interfaces"])).not.toMatch(/skuid/);
});

test("the guard accepts the one uid and then drops without condition, in every chain that knows uids", () => {
  const chains = tablesFor(PODS["open-uid"]).flatMap((table) => table.chains);
  for (const name of ["output", "postrouting", "leaving"]) {
    const rules = chains.find((chain) => chain.name === name)?.rules.map(({ rule }) => rule) ?? [];
    for (const to of ["ip daddr 169.254.169.254", "ip6 daddr fd00:ec2::254"]) {
      const accept = rules.indexOf(`${to} meta skuid 64169 counter accept`);
      expect(accept).toBeGreaterThanOrEqual(0);
      expect(rules.indexOf(`${to} counter drop`)).toBeGreaterThan(accept);
    }
  }
});

// A packet without a socket, forwarded or made by the kernel, has no uid, so it would match no test of one.
test("the guard never drops by a uid that does not match", () => {
  const rules = tablesFor(PODS["open-uid"]).flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
  expect(rules.filter(({ rule }) => /skuid\s*!=/.test(rule))).toEqual([]);
});

test("the guard lets the sidecar's uid answer at each of its ports, and then nobody", () => {
  const answering = tablesFor(PODS.emulate).flatMap(({ chains }) =>
    chains.filter(({ name }) => name === "answering"),
  );
  expect(answering[0]?.rules.map(({ rule }) => rule)).toEqual(
    [16_925, 16_926, 16_927].flatMap((port) => [
      `meta oif lo tcp sport ${port} tcp flags & syn == syn meta skuid 51234 accept`,
      `meta oif lo tcp sport ${port} tcp flags & syn == syn counter drop`,
      `meta oif lo tcp dport ${port} tcp flags & syn == syn tcp option fastopen exists counter drop`,
    ]),
  );
});

test("the guard judges no port in a pod without a sidecar", () => {
  expect(textOf(PODS["two-interfaces"])).not.toMatch(/sport/);
});

test("the guard forwards nothing to a blocked address, whichever uid is let through", () => {
  const forward = tablesFor(PODS["open-uid"])[0]?.chains.find((chain) => chain.name === "forward");
  expect(forward?.rules.map(({ rule }) => rule)).toContain("ip daddr 169.254.169.254 counter drop");
  expect(JSON.stringify(forward?.rules.map(({ rule }) => rule))).not.toContain("accept");
});

describe("the guard, when the metadata service is emulated,", () => {
  const chain = (name: string): readonly string[] =>
    tablesFor(PODS.emulate)
      .flatMap(({ chains }) => chains)
      .find((one) => one.name === name)
      ?.rules.map(({ rule }) => rule) ?? [];

  test("sends what passes the first chain to the sidecar's port or nowhere, for each address", () => {
    for (const to of ["ip daddr 169.254.169.254", "ip6 daddr fd00:ec2::254"]) {
      expect(chain("output")).toContain(`${to} tcp dport 80 counter accept`);
      expect(chain("emulate")).toContain(`${to} tcp dport 80 counter redirect to :16927`);
      const after = chain("postrouting");
      expect(after).toContain(`${to} counter drop`);
      expect(after).toContain(`ct direction original ct original ${to} counter drop`);
      expect(after.filter((rule) => rule.includes(`original ${to}`) && rule.endsWith("accept"))).toEqual([
        expect.stringMatching(
          /^meta oif lo .* (?:ip daddr 127\.0\.0\.1|ip6 daddr ::1) tcp dport 16927 accept$/,
        ),
      ]);
    }
  });

  test("lets only what was sent to the metadata service arrive at the sidecar's port", () => {
    const rules = chain("arriving");
    expect(rules.slice(0, -1)).toEqual([
      "meta iif lo ct original ip daddr 169.254.169.254 tcp dport 16927 accept",
      "meta iif lo ct original ip6 daddr fd00:ec2::254 tcp dport 16927 accept",
    ]);
    expect(rules.at(-1)).toBe("tcp dport 16927 ct direction original counter reject with tcp reset");
  });

  test("does not redirect an address that is blocked by configuration", () => {
    const addresses = [...PODS.emulate.addresses, "169.254.170.23"];
    const text = textOf({ ...PODS.emulate, addresses });
    expect(text).not.toMatch(/170\.23 tcp dport|original ip daddr 169\.254\.170\.23/);
    expect(text).toContain("ip daddr 169.254.169.254 tcp dport 80 counter redirect to :16927");
  });

  test("keeps the second wall as it is, so that no frame leaves for the node's service", () => {
    const netdev = (input: RuleInput) => tablesFor(input).filter(({ family }) => family === "netdev");
    expect(netdev(PODS.emulate)).toEqual(netdev(PODS["two-interfaces"]));
  });
});

function textOf(input: RuleInput | undefined): string {
  if (input === undefined) throw new Error("no such case");
  return scriptOf(tablesFor(input));
}
