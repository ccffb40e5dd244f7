import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { fileURLToPath } from "node:url";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { command, must, type Ended } from "./command.ts";
import { connect, ip, ready, sysctls, type Interface } from "./links.ts";
import { inside, spaces } from "./spaces.ts";

/**
 * Three network namespaces of the test's own. `node` owns the metadata addresses and answers on them, `pod` reaches it
 * over two interfaces, and `nested` is a network behind the pod. The machine's own network is not touched.
 *
 *     nested  eth0 ── nested  pod  eth0 ── veth0  node  lo: 169.254.169.254, fd00:ec2::254
 *                                  net1 ── veth1
 */
export interface Lab {
  /** A program in the pod, with the capabilities of the test (all of them) unless it drops them. */
  inPod(argv: readonly string[], options?: { input?: string; env?: Env }): Promise<Ended>;
  inNested(argv: readonly string[]): Promise<Ended>;
  /** A program at the other end of the pod's links: the node, or a neighbour. */
  inNode(argv: readonly string[]): Promise<Ended>;
  /** Applies an nft script in the pod. */
  nft(script: string): Promise<void>;
  /** Every rule in the pod, without counters. */
  ruleset(): Promise<string>;
  startInPod(argv: readonly string[]): ChildProcessWithoutNullStreams;
  startInNode(argv: readonly string[]): ChildProcessWithoutNullStreams;
  /** Adds an interface, `net2`, and a second address on `eth0`, as a network plugin may do to a running pod. */
  plugIn(): Promise<void>;
  /** Undoes {@link plugIn}. */
  unplug(): Promise<void>;
  readonly interfaces: { readonly eth0: Interface; readonly net1: Interface };
  close(): Promise<void>;
}

type Env = Readonly<Record<string, string | undefined>>;

export const SECRET = "the node's credentials";
export const [METADATA_V4, METADATA_V6] = METADATA_ADDRESSES;
/** Blocked by configuration: where EKS Pod Identity answers. */
export const EXTRA_V4 = "169.254.170.23";
export const EXTRA_V6 = "fd00:ec2::23";
/** On the pod's link like its own address, and added later. */
export const LATE_V4 = "10.70.0.3";
export const LATE_V6 = "fd70::3";
export const BLOCKED = [METADATA_V4, METADATA_V6, EXTRA_V4, EXTRA_V6] as const;
/** Another table of the pod rewrites this address (of TEST-NET-1) into the metadata service's. */
export const REWRITTEN = "192.0.2.1";

const STAND_IN = fileURLToPath(new URL("./stand-in.ts", import.meta.url));

let opened = 0;

export async function openLab(): Promise<Lab> {
  opened += 1;
  const space = (role: string): string => `podrole-${role}-${process.pid}-${opened}`;
  const [pod, node, nested] = [space("pod"), space("node"), space("nested")];
  const { start, removeAll, close } = spaces([pod, node, nested]);

  try {
    for (const name of [pod, node, nested]) await must(["ip", "netns", "add", name]);
    const eth0 = await connect(pod, "eth0", node, "veth0", 70);
    const net1 = await connect(pod, "net1", node, "veth1", 71);
    await connect(nested, "eth0", pod, "nested", 72);
    // Like a network card that was moved into the pod: a veth pair leaves checksums to its other end.
    await must(inside(pod, ["python3", file("attacker/checksum_offload_off.py"), "net1"]));
    const lengths = BLOCKED.map((address) => `${address}/${address.includes(":") ? "128" : "32"}`);
    await ip(node, ...lengths.map((address) => `address add ${address} dev lo`));
    await sysctls(pod, ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    await sysctls(node, ACCEPT_DETOURS);
    await ip(node, "route add 10.72.0.0/24 via 10.70.0.2", "route add fd72::/64 via fd70::2");
    const answering = [...BLOCKED, eth0.gateway.v4, eth0.gateway.v6];
    const standIn = start(inside(node, [process.execPath, STAND_IN, SECRET, ...answering]));
    await ready(standIn);
    await must(inside(pod, ["nft", "-f", "-"]), { input: REWRITING });
    await settled(inside(pod, ["python3", file("attacker/socket_client.py"), METADATA_V6]));

    return {
      inPod: (argv, options) => command(inside(pod, argv), options),
      inNested: (argv) => command(inside(nested, argv)),
      inNode: (argv) => command(inside(node, argv)),
      nft: async (input) => void (await must(inside(pod, ["nft", "-f", "-"]), { input })),
      ruleset: () => must(inside(pod, ["nft", "--stateless", "list", "ruleset"])),
      startInPod: (argv) => start(inside(pod, argv)),
      startInNode: (argv) => start(inside(node, argv)),
      plugIn: async () => {
        await connect(pod, "net2", node, "veth2", 73);
        await sysctls(
          node,
          ACCEPT_DETOURS.map((setting) => setting.replace(/veth\d/, "veth2")),
        );
        const late = [`address add ${LATE_V4}/24 dev eth0`, `address add ${LATE_V6}/64 dev eth0 nodad`];
        await ip(pod, ...late);
      },
      unplug: async () => {
        const late = [`address del ${LATE_V4}/24 dev eth0`, `address del ${LATE_V6}/64 dev eth0`];
        await ip(pod, "link del net2", ...late);
      },
      interfaces: { eth0, net1 },
      close,
    };
  } catch (error) {
    removeAll();
    throw error;
  }
}

export function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** A node that accepts source routes and answers ARP for what it routes, as many network plugins set it up. */
const ACCEPT_DETOURS = ["all", "default", "veth0", "veth1"].flatMap((device) => [
  `net.ipv4.conf.${device}.accept_source_route=1`,
  `net.ipv4.conf.${device}.rp_filter=0`,
  `net.ipv4.conf.${device}.proxy_arp=1`,
  `net.ipv6.conf.${device}.seg6_enabled=1`,
]);

/** {@link REWRITTEN}, in the pod. */
export const REWRITING = `table ip rewriting {
  chain output {
    type nat hook output priority -100;
    ip daddr ${REWRITTEN} dnat to ${METADATA_V4}
  }
}
`;

/** IPv6 takes a moment to come up on a new link. */
async function settled(attempt: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    if ((await command(attempt)).stdout.includes("reached")) return;
  }
  throw new Error("the lab's metadata service does not answer");
}
