import { expect, test } from "vitest";
import {
  iptablesDifferences,
  iptablesResets,
  iptablesRules,
  iptablesScript,
  type Version,
} from "../../../../sidecar/guard/iptables/rules.ts";
import { PODS } from "../nft/listings.ts";

const POD = PODS["two-interfaces"];

/** What iptables-save (1.8.9) prints once the script is applied, with another program's rule beside it. */
const saved = (version: Version, input = POD): string =>
  [
    "*filter",
    ":OUTPUT ACCEPT [0:0]",
    ":PODROLE_OUTPUT - [0:0]",
    "[0:0] -A FORWARD -j PODROLE_FORWARD",
    "[9:540] -A OUTPUT -j PODROLE_OUTPUT",
    "[0:0] -A OUTPUT -p udp -j ACCEPT",
    ...iptablesRules(version, input).map((rule) => `[3:180] ${rule}`),
    "COMMIT",
    "",
  ].join("\n");

const EMPTY = "*filter\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

test.each(["two-interfaces", "open-uid"] as const)("the guard writes the rules of %s", async (pod) => {
  const text = ([4, 6] as const).map(
    (version) => `# IPv${version}\n${iptablesScript(version, PODS[pod], EMPTY)}`,
  );
  await expect(text.join("\n")).toMatchFileSnapshot(`golden/${pod}.iptables`);
});

test("the guard finds no difference in what it wrote, and leaves a jump that comes first", () => {
  for (const version of [4, 6] as const) {
    expect(iptablesDifferences(version, POD, saved(version))).toEqual([]);
    expect(iptablesScript(version, POD, saved(version))).not.toMatch(/-[ID] (?:OUTPUT|FORWARD)/);
  }
});

test("the guard moves its jump back to the front, and leaves the other rule in place", () => {
  const behind = saved(4).replace("[9:540] -A OUTPUT", "[0:0] -A OUTPUT -j MESH\n[9:540] -A OUTPUT");
  expect(iptablesDifferences(4, POD, behind)).toEqual(["IPv4 OUTPUT does not jump to PODROLE_OUTPUT first"]);
  const script = iptablesScript(4, POD, behind);
  expect(script).toContain("-D OUTPUT -j PODROLE_OUTPUT\n-I OUTPUT -j PODROLE_OUTPUT\n");
  expect(script).not.toContain("MESH");
});

test.each<[string, (text: string) => string]>([
  [
    "an accept ahead of ours",
    (text) => text.replace("[3:180] -A PODROLE_OUTPUT", "[0:0] -A PODROLE_OUTPUT -j ACCEPT\n$&"),
  ],
  ["a rule too few", (text) => text.replace(/.*-A PODROLE_OUTPUT -d \S+ -j DROP\n/, "")],
  ["a rule twice", (text) => text.replace(/.*-A PODROLE_OUTPUT -d \S+ -j DROP\n/, "$&$&")],
  ["another order", (text) => text.replace(/(.*PODROLE_OUTPUT -d .*tcp-reset\n)(.*\n)/, "$2$1")],
  ["no jump", (text) => text.replace(/.*-A OUTPUT -j PODROLE_OUTPUT\n/, "")],
  ["nothing at all", () => EMPTY],
])("the guard notices %s", (_, change) => {
  const text = change(saved(4));
  expect(text).not.toBe(saved(4));
  expect(iptablesDifferences(4, POD, text)).not.toEqual([]);
});

test("the guard lets the sidecar's uid answer at each of its ports, and then nobody, behind all other rules", () => {
  for (const version of [4, 6] as const) {
    const output = iptablesRules(version, PODS["open-uid"]).filter((rule) => rule.includes("PODROLE_OUTPUT"));
    expect(output.slice(-6)).toEqual(
      [16_925, 16_926].flatMap((port) => {
        const loopback = "-A PODROLE_OUTPUT -o lo -p tcp -m tcp";
        const opening = `${loopback} --sport ${port} --tcp-flags SYN SYN`;
        return [
          `${loopback} --dport ${port} --tcp-option 34 --tcp-flags SYN SYN -j DROP`,
          `${opening} -m owner --uid-owner 64169 -j RETURN`,
          `${opening} -j DROP`,
        ];
      }),
    );
  }
});

test("the guard counts both reset rules of the address, and those of no other", () => {
  const two = { ...POD, addresses: ["169.254.169.25", "169.254.169.254"] };
  expect(iptablesResets("169.254.169.254", saved(4, two))).toBe(6);
  expect(iptablesResets("169.254.169.2", saved(4, two))).toBe(0);
  expect(iptablesResets("fd00:ec2::254", saved(6))).toBe(6);
});
