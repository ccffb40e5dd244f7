import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insistent, WAYS, type Outcome, type Way } from "./attempts.ts";
import { METADATA_V4, METADATA_V6, REWRITING, SECRET } from "./lab.ts";
import { markdownTable, PAGE, pageWith } from "./page.ts";
import { whyNot } from "./requirements.ts";
import { both, ec2, openRoutedLab, TOKEN, type RoutedLab } from "./routed-lab.ts";
import { runVerify, VERDICTS } from "./verify-run.ts";

const reason = whyNot();

/** Without NET_RAW, which no container of a guarded pod has; to what EC2's service has: TCP at port 80; over the pod's one interface. */
const APPLY = WAYS.filter(
  ({ name, needsRaw }) => !needsRaw && !/UDP|another port|by configuration|a second interface/.test(name),
);

const dropping = (hook: string, family: string): string =>
  `nft 'table ${family} firewall { chain pods { type ${hook} priority 0; ip daddr ${METADATA_V4} drop; ip6 daddr ${METADATA_V6} drop; }; }'`;
const ROUTES = `ip route add blackhole ${METADATA_V4}; ip route add blackhole ${METADATA_V6}`;

interface Posture {
  readonly posture: string;
  readonly verdict: keyof typeof VERDICTS;
  /** Whether routing headers lead past it. */
  readonly limit?: true;
  readonly hopLimit: number;
  readonly node?: string;
  readonly pod?: string;
}

const POSTURES: readonly Posture[] = [
  { posture: "nothing", verdict: "reachable", hopLimit: 64 },
  { posture: "a route of the pod's own", verdict: "unproven", hopLimit: 64, pod: ROUTES },
  { posture: "hop limit 1", verdict: "held", hopLimit: 1 },
  {
    posture: "a network policy",
    verdict: "held",
    hopLimit: 64,
    node: dropping("filter hook forward", "inet"),
  },
  {
    posture: "a network policy on the pod's link",
    verdict: "held",
    limit: true,
    hopLimit: 64,
    node: dropping("filter hook ingress device pod0", "netdev"),
  },
];

const section = (read: ReadonlyMap<string, ReadonlyMap<string, boolean>>): string => `
The same programs as in the first table, as far as they need no \`NET_RAW\`, go to TCP port 80, and leave the pod by its one interface. Here
they ask for a token and credentials, as an AWS SDK does. Each column is what stands in the way, with the guard's verdict there. The first
one is a control. The second one shows why a route of the pod's own is no proof. The last one has a known limit: a node with the sysctl
\`seg6_enabled\`, which is off unless an admin turns it on, follows IPv6 routing headers, and a policy on the pod's link does not see where
they lead. The guard of mode \`block\` drops them.

${markdownTable([
  ["way round", ...POSTURES.map(({ posture, verdict }) => `${posture}: ${verdict}`)],
  ...[...read].map(([name, by]) => [
    name,
    ...POSTURES.map(({ posture }) => (by.get(posture) ? "**reads**" : "held")),
  ]),
])}
`;

const WORDS = {
  reachable: "reads token and credentials",
  unproven: "reads them if it gets past routes",
  held: "gets nothing",
} as const;

const byHeader = ({ name }: Way): boolean => name.includes("routing header");

function isToRead({ verdict, limit }: Posture, way: Way): boolean {
  if (verdict === "held") return Boolean(limit) && byHeader(way);
  return verdict === "reachable" || Boolean(way.passesRoute) || byHeader(way);
}

describe.skipIf(reason)(
  `ways round what the guard of mode verify relies on${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const table = new Map<string, Map<string, boolean>>(APPLY.map(({ name }) => [name, new Map()]));

    describe.each(POSTURES)("with $posture", (one) => {
      const { posture, verdict, hopLimit, node, pod } = one;
      let lab: RoutedLab;
      let code: number | null;

      beforeAll(async () => {
        lab = await openRoutedLab();
        await lab.nft(REWRITING);
        for (const [where, device] of [
          ["node", "pod0"],
          ["service", "node0"],
        ] as const) {
          const settings = ["all", device].map((name) => `net.ipv6.conf.${name}.seg6_enabled=1`);
          await lab.setUp(where, `sysctl -qw ${settings.join(" ")}`);
        }
        if (node !== undefined) await lab.setUp("node", node);
        if (pod !== undefined) await lab.setUp("pod", pod);
        await lab.serve(both(ec2(hopLimit)));
        ({ code } = await runVerify(lab));
        // Later, since a pod with such an interface has several ways out.
        await lab.nest();
      });
      afterAll(() => lab?.close());

      const tried = async ({ name, attempt: once }: Way, attempt = once): Promise<Outcome> => {
        const asSdk = (argv: readonly string[]): readonly string[] => [...argv, "--sdk"];
        const outcome = await attempt({
          inPod: (argv, options) => lab.inPod(asSdk(argv), options),
          inNested: (argv) => lab.inNested(asSdk(argv)),
          interfaces: { ...lab.interfaces, net1: lab.interfaces.eth0 },
        });
        table.get(name)?.set(posture, outcome.outcome === "reached");
        return outcome;
      };

      test(`the guard's verdict is: ${verdict}`, () => {
        expect(code).toBe(VERDICTS[verdict].code);
      });

      test.each(APPLY)(
        `$name ${WORDS[verdict]}${one.limit ? ", but for routing headers" : ""}`,
        async (way) => {
          const reads = isToRead(one, way);
          const { outcome, body = "" } = await tried(way, reads ? insistent(way.attempt) : way.attempt);
          const has = [outcome === "reached", body.includes(TOKEN), body.includes(SECRET)];
          expect(has).toEqual([reads, reads, reads]);
        },
      );
    });

    test("the page shows what came out", async () => {
      await expect(pageWith("Ways round, where mode verify holds", section(table))).toMatchFileSnapshot(PAGE);
    });
  },
);
