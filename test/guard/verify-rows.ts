import { METADATA_V4, METADATA_V6, SECRET } from "./lab.ts";
import { both, ec2, http, TOKEN, type Answer, type Services } from "./routed-lab.ts";

/** What a client like an SDK has in the end. `an answer`: bytes that are neither a refusal (401) nor one of the others. */
export const GOT = ["nothing", "an answer", "a token", "credentials"] as const;
export type Got = (typeof GOT)[number];

/** A pod's surroundings, and what the guard of mode `verify` is to make of them. */
export interface Row {
  readonly situation: string;
  /** At both addresses: EC2's own with tokens required and hop limit 2, which a pod can read, unless said otherwise. */
  readonly service?: Services;
  /** Shell scripts that change the node, or the pod's own network, before the guard runs. */
  readonly node?: string;
  readonly pod?: string;
  /** Has an interface that leads past the node. */
  readonly plugged?: true;
  readonly verdict: "held" | "reachable" | "unproven";
  /** Of a client in the pod that knows its way. It may be asked more than an SDK does: through which device it goes. */
  readonly got: Got;
  readonly device?: string;
  /** From which IPv4 address. */
  readonly source?: string;
  /** What it gets so much later. */
  readonly afterSeconds?: number;
  /** Of the same client on the node, which shows that the service was there. `credentials` unless said otherwise. */
  readonly onNode?: Got;
}

const HELD = { verdict: "held", got: "nothing" } as const;
const OPEN = ec2(2);
const UNAUTHORIZED_PAGE = { text: http("401 Unauthorized", "<html>Unauthorized</html>") };
const GIVES_CREDENTIALS: Answer = { text: http("200 OK", SECRET) };

const answering = (put: Answer, get: Answer): Services => both({ put, get, getWithToken: get });
const everything = (answer: Answer): Services => answering(answer, answer);
const late = (afterSeconds: number): Services => {
  const answer = (text: string): Answer => ({ text, afterSeconds });
  return both({
    put: answer(http("200 OK", TOKEN)),
    get: answer(http("401 Unauthorized")),
    getWithToken: answer(http("200 OK", SECRET)),
  });
};

/** A firewall of the node: this verdict for what pods send to these addresses. */
const firewall = (verdict: string, ...addresses: readonly string[]): string => {
  const rules = (addresses.length === 0 ? [METADATA_V4, METADATA_V6] : addresses).map(
    (address) => `${address.includes(":") ? "ip6" : "ip"} daddr ${address} ${verdict};`,
  );
  return `nft 'table inet firewall { chain forward { type filter hook forward priority 0; ${rules.join(" ")} }; }'`;
};
const routes = (verb: string, table = "main"): string =>
  [METADATA_V4, METADATA_V6].map((address) => `ip route add ${verb} ${address} table ${table}`).join("; ");

const NO_IPV6 = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1";

export const ROWS: readonly Row[] = [
  // EC2's own answers.
  { situation: "tokens required, hop limit 1", service: both(ec2(1)), ...HELD },
  {
    situation: "tokens required, hop limit 1, a page with the 401",
    service: both(ec2(1, { get: UNAUTHORIZED_PAGE })),
    ...HELD,
  },
  { situation: "tokens required, hop limit 2", verdict: "reachable", got: "credentials" },
  {
    situation: "tokens required, hop limit 64, no role: a token but no credentials",
    service: both(ec2(64, { getWithToken: { text: http("404 Not Found") } })),
    verdict: "reachable",
    got: "a token",
    onNode: "a token",
  },
  {
    situation: "IMDSv1 on, hop limit 1",
    service: both(ec2(1, { get: GIVES_CREDENTIALS })),
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "IMDSv1 on, hop limit 1, no role",
    service: both(
      ec2(1, { get: { text: http("404 Not Found") }, getWithToken: { text: http("404 Not Found") } }),
    ),
    verdict: "reachable",
    got: "an answer",
    onNode: "a token",
  },
  {
    situation: "IMDSv1 on, tokens unknown (before November 2019)",
    service: answering({ text: http("405 Method Not Allowed") }, GIVES_CREDENTIALS),
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation:
      "hop limit 1 and a pod beside the node, with an address of the node's own network (ipvlan, macvlan)",
    service: both(ec2(1)),
    plugged: true,
    pod: "ip link del eth0",
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "hop limit 1 for IPv6, hop limit 2 for IPv4",
    service: { [METADATA_V4]: OPEN, [METADATA_V6]: ec2(1) },
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "hop limit 1 for IPv4, hop limit 2 for IPv6",
    service: { [METADATA_V4]: ec2(1), [METADATA_V6]: OPEN },
    verdict: "reachable",
    got: "credentials",
  },

  // The node, or a network policy on it, keeps the pod away.
  { situation: "a network policy that drops", node: firewall("drop"), ...HELD },
  {
    situation: "a network policy that drops IPv4 alone",
    node: firewall("drop", METADATA_V4),
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "a network policy that drops IPv6 alone",
    node: firewall("drop", METADATA_V6),
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "a network policy that drops UDP alone",
    node: firewall("meta l4proto udp drop"),
    verdict: "reachable",
    got: "credentials",
  },
  {
    situation: "a network policy that drops answers alone",
    node: "nft 'table inet firewall { chain forward { type filter hook forward priority 0; tcp sport 80 drop; }; }'",
    ...HELD,
  },
  {
    situation: "a firewall that rejects with a TCP reset",
    node: firewall("meta l4proto tcp reject with tcp reset"),
    ...HELD,
  },
  ...["port-unreachable", "host-unreachable", "admin-prohibited", "no-route"].map((type): Row => ({
    situation: `a firewall that rejects with ICMP (${type})`,
    node: firewall(`reject with icmpx ${type}`),
    ...HELD,
  })),
  ...["blackhole", "unreachable", "prohibit"].map((verb): Row => ({
    situation: `a route of the node that leads nowhere (${verb})`,
    // In a table for what comes from pods, so that the client on the node gets through.
    node: `${routes(verb, "99")}; ip rule add iif pod0 lookup 99; ip -6 rule add iif pod0 lookup 99`,
    ...HELD,
  })),
  {
    // A known limit: so does a limit of the pod's own bandwidth, while somebody else's packets fill it.
    situation: "a node that drops what pods send for five seconds, and tokens required, hop limit 2",
    node: `${firewall("drop")}; (sleep 5; nft delete table inet firewall) > /dev/null 2>&1 &`,
    verdict: "held",
    got: "credentials",
    afterSeconds: 6,
  },

  // Services that are not quite EC2's, or not well.
  {
    situation: "answers everything after 3 seconds",
    service: late(3),
    verdict: "unproven",
    got: "credentials",
  },
  {
    situation: "answers everything after 1 second",
    service: late(1),
    verdict: "reachable",
    got: "credentials",
  },
  {
    // A known limit. The sidecar waits longer, from its second proof on.
    situation: "answers a GET at once, and a PUT after 3 seconds",
    service: both(ec2(2, { put: { text: http("200 OK", TOKEN), afterSeconds: 3 } })),
    verdict: "held",
    got: "credentials",
  },
  {
    situation: "accepts connections and says nothing",
    service: both({}),
    verdict: "unproven",
    got: "nothing",
    onNode: "nothing",
  },
  {
    situation: "answers a GET with 401, and a PUT with half a token",
    service: both(
      ec2(2, {
        put: { text: `HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\n${TOKEN.slice(0, 7)}`, stays: true },
      }),
    ),
    verdict: "reachable",
    got: "an answer",
    onNode: "an answer",
  },
  {
    situation: "hop limit 1, and half a status line to a GET",
    service: both(ec2(1, { get: { text: "HTTP/1.1 4", stays: true } })),
    verdict: "reachable",
    got: "an answer",
  },
  {
    situation: "redirects everything to another path",
    service: everything({ text: http("307 Temporary Redirect", "", "Location: /elsewhere\r\n") }),
    verdict: "reachable",
    got: "an answer",
    onNode: "an answer",
  },
  ...["404 Not Found", "403 Forbidden", "503 Service Unavailable"].map((status): Row => ({
    situation: `answers everything with ${status}`,
    service: everything({ text: http(status) }),
    verdict: "reachable",
    got: "an answer",
    onNode: "an answer",
  })),
  {
    situation: "answers a PUT with 401 and a page",
    service: answering(UNAUTHORIZED_PAGE, UNAUTHORIZED_PAGE),
    verdict: "reachable",
    got: "an answer",
    onNode: "an answer",
  },
  {
    situation: "speaks something other than HTTP",
    service: everything({ text: "SSH-2.0-OpenSSH_9.9\r\n" }),
    verdict: "reachable",
    got: "an answer",
    onNode: "an answer",
  },
  {
    situation: "closes every connection without an answer",
    service: everything({ text: "" }),
    ...HELD,
    onNode: "nothing",
  },

  // The pod's own network.
  {
    situation: "no IPv6 in the pod, a network policy that drops",
    pod: NO_IPV6,
    node: firewall("drop"),
    ...HELD,
  },
  { situation: "no IPv6 in the pod, hop limit 1", service: both(ec2(1)), pod: NO_IPV6, ...HELD },
  { situation: "no IPv6 in the pod", pod: NO_IPV6, verdict: "reachable", got: "credentials" },
  {
    situation: "no default routes in the pod",
    pod: "ip route del default; ip -6 route del default",
    verdict: "unproven",
    got: "credentials",
    device: "eth0",
  },
  {
    situation: "no IPv6 and no default route in the pod",
    pod: `${NO_IPV6}; ip route del default`,
    verdict: "unproven",
    got: "credentials",
    device: "eth0",
  },
  {
    situation: "no IPv6 default route in the pod, hop limit 1",
    service: both(ec2(1)),
    pod: "ip -6 route del default",
    verdict: "unproven",
    got: "nothing",
  },
  {
    situation: "a link-local IPv4 address, as EKS gives it beside IPv6, and no default route in the pod",
    pod: `${NO_IPV6}; ip address del 10.80.0.2/24 dev eth0; ip address add 169.254.172.2/32 dev eth0`,
    node: `ip route add 169.254.172.2 dev pod0;
      nft 'table ip translating { chain to { type nat hook postrouting priority 100; oifname eth0 masquerade; }; }'`,
    verdict: "unproven",
    got: "credentials",
    device: "eth0",
  },
  {
    situation:
      "a network policy that drops IPv4 alone, and an IPv6 address that the kernel checks for a duplicate",
    node: firewall("drop", METADATA_V4),
    pod: `sysctl -qw net.ipv6.conf.eth0.dad_transmits=3; ip address del fd80::2/64 dev eth0;
      ip address add fd80::2/64 dev eth0; ip route add ::/0 via fd80::1 dev eth0`,
    verdict: "unproven",
    got: "credentials",
    afterSeconds: 6,
  },
  // A socket that is bound to an interface passes such a route, and needs no capability for that.
  ...["blackhole", "unreachable", "prohibit"].map((verb): Row => ({
    situation: `a route of the pod's own that leads nowhere (${verb})`,
    pod: routes(verb),
    verdict: "unproven",
    got: "credentials",
    device: "eth0",
  })),
  // Every program may bind a socket to any of its pod's addresses.
  {
    situation: "a network policy for one address of each family, and the pod has two",
    pod: "ip address add 10.80.0.7/24 dev eth0; ip address add fd80::7/64 dev eth0 nodad preferred_lft 0",
    node: `nft 'table inet firewall { chain forward { type filter hook forward priority 0;
      ip saddr 10.80.0.2 ip daddr ${METADATA_V4} drop; ip6 saddr fd80::2 ip6 daddr ${METADATA_V6} drop; }; }'`,
    verdict: "reachable",
    got: "credentials",
    source: "10.80.0.7",
  },
  {
    situation: "a network policy that drops, and two addresses of each family",
    pod: "ip address add 10.80.0.7/24 dev eth0; ip address add fd80::7/64 dev eth0 nodad",
    node: firewall("drop"),
    ...HELD,
  },
  {
    situation: "a network policy that drops, and a second interface that leads past it",
    node: firewall("drop"),
    plugged: true,
    verdict: "unproven",
    got: "credentials",
    device: "net1",
  },
];
