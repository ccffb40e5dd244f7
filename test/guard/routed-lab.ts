import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { outcomeOf } from "./attempts.ts";
import { command, must } from "./command.ts";
import { file, METADATA_V4, METADATA_V6, SECRET, type Lab } from "./lab.ts";
import { connect, ip, ready, sysctls } from "./links.ts";
import { inside, spaces } from "./spaces.ts";

/**
 * A pod, its node and EC2's metadata service behind it, each a network namespace of the test's own. The node is a router: it
 * takes one off the hop limit (TTL) of what it passes on. The rest is there on demand.
 *
 *     nested  eth0 ── nested  pod  eth0 ── pod0  node  eth0 ── node0  service  lo: 169.254.169.254, fd00:ec2::254
 *                                  net1 ────────────────────── pod1
 */
export interface RoutedLab extends Pick<Lab, "inPod" | "inNested" | "inNode" | "nft" | "startInPod"> {
  readonly interfaces: Pick<Lab["interfaces"], "eth0">;
  /** A shell script with every right; fails the test if it fails. */
  readonly setUp: (where: "pod" | "node" | "service", script: string) => Promise<void>;
  /** Starts the metadata service in place of the one before. */
  readonly serve: (service: Services) => Promise<void>;
  /** Adds `net1`, which leads from the pod to the metadata service without the node in between. */
  readonly plugIn: () => Promise<void>;
  /** Adds `nested`, a network behind the pod, which passes on what comes from there. */
  readonly nest: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What the stand-in sends; see metadata_service.py. */
export interface Answer {
  readonly text: string;
  readonly hopLimit?: number;
  readonly afterSeconds?: number;
  readonly stays?: true;
}

/** A request whose answer is missing here is never answered. */
export interface Service {
  readonly put?: Answer;
  readonly get?: Answer;
  readonly getWithToken?: Answer;
}

/** By address. */
export type Services = Readonly<Record<typeof METADATA_V4 | typeof METADATA_V6, Service>>;

export const TOKEN = "AQAEAKs-of-the-node==";

export const http = (status: string, body = "", header = ""): string =>
  `HTTP/1.1 ${status}\r\nServer: EC2ws\r\n${header}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;

/** EC2's own as it is set up on today's nodes, less what the test changes: tokens required, with this hop limit. */
export const ec2 = (hopLimit: number, over: Service = {}): Service => ({
  put: { text: http("200 OK", TOKEN), hopLimit },
  get: { text: http("401 Unauthorized") },
  getWithToken: { text: http("200 OK", SECRET) },
  ...over,
});

export const both = (service: Service): Services => ({ [METADATA_V4]: service, [METADATA_V6]: service });

let opened = 0;

export async function openRoutedLab(): Promise<RoutedLab> {
  opened += 1;
  const space = (role: string): string => `podrole-${role}-${process.pid}-r${opened}`;
  const [pod, node, nested, service] = [space("pod"), space("node"), space("nested"), space("service")];
  const { start, removeAll, close } = spaces([pod, node, nested, service]);
  let serving: ChildProcessWithoutNullStreams | undefined;

  try {
    for (const name of [pod, node, nested, service]) await must(["ip", "netns", "add", name]);
    const eth0 = await connect(pod, "eth0", node, "pod0", 80);
    const uplink = await connect(node, "eth0", service, "node0", 81);
    // Answers ARP for what it routes, as Calico sets up every pod's link.
    await sysctls(node, ["net.ipv4.conf.pod0.proxy_arp=1"]);
    for (const router of [pod, node]) {
      await sysctls(router, ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    }
    const back = (net: number, via: number): readonly string[] => [
      `route add 10.${net}.0.0/24 via 10.${via}.0.2`,
      `route add fd${net}::/64 via fd${via}::2`,
    ];
    const own = [`address add ${METADATA_V4}/32 dev lo`, `address add ${METADATA_V6}/128 dev lo`];
    await ip(service, ...own, ...back(80, 81));
    await settled(inside(pod, ["python3", file("attacker/socket_client.py"), uplink.gateway.v6]));

    return {
      inPod: (argv, options) => command(inside(pod, argv), options),
      inNested: (argv) => command(inside(nested, argv)),
      inNode: (argv) => command(inside(node, argv)),
      nft: async (input) => void (await must(inside(pod, ["nft", "-f", "-"]), { input })),
      startInPod: (argv) => start(inside(pod, argv)),
      setUp: async (where, script) =>
        void (await must(inside({ pod, node, service }[where], ["sh", "-ec", script]))),
      serve: async (services) => {
        serving?.kill("SIGKILL");
        const behaviour = Object.entries(services).map(([address, one]) => [
          address,
          { token: TOKEN, ...one },
        ]);
        const argument = JSON.stringify(Object.fromEntries(behaviour));
        serving = start(inside(service, ["python3", file("metadata_service.py"), argument]));
        await ready(serving);
      },
      plugIn: async () => {
        await connect(pod, "net1", service, "pod1", 83);
        for (const device of ["all", "pod1", "node0"])
          await sysctls(service, [`net.ipv4.conf.${device}.rp_filter=0`]);
      },
      nest: async () => {
        await connect(nested, "eth0", pod, "nested", 82);
        await ip(node, ...back(82, 80));
        await ip(service, ...back(82, 81));
      },
      interfaces: { eth0 },
      close,
    };
  } catch (error) {
    removeAll();
    throw error;
  }
}

/** IPv6 takes a moment to come up on a new link. A refusal is the other end's, since nothing listens there. */
async function settled(attempt: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    if (outcomeOf(await command(attempt)).code === "ECONNREFUSED") return;
  }
  throw new Error("the lab's node passes nothing on");
}
