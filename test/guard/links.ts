import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { collect, must } from "./command.ts";

export interface Interface {
  readonly name: string;
  readonly mac: string;
  readonly gatewayMac: string;
  readonly podIp: string;
  readonly gateway: Address;
  /** On the pod's link, but not the pod's own, so that its kernel does not interfere with packet sockets that use it. */
  readonly other: Address;
}

interface Address {
  readonly v4: string;
  readonly v6: string;
}

/** A pair of interfaces, the second end the first one's router: `10.<net>.0.2` and `.1`, `fd<net>::2` and `::1`. */
export async function connect(
  from: string,
  name: string,
  to: string,
  peer: string,
  net: number,
): Promise<Interface> {
  const at = (host: number): Address => ({ v4: `10.${net}.0.${host}`, v6: `fd${net}::${host}` });
  const [gateway, own, other] = [at(1), at(2), at(77)];
  const up = (device: string, address: Address): readonly string[] => [
    `address add ${address.v4}/24 dev ${device}`,
    `address add ${address.v6}/64 dev ${device} nodad`,
    "link set lo up",
    `link set ${device} up`,
  ];
  await ip(from, `link add ${name} type veth peer name ${peer} netns ${to}`);
  await ip(to, ...up(peer, gateway));
  await ip(
    from,
    ...up(name, own),
    `route add default via ${gateway.v4} dev ${name} metric ${net}`,
    `route add ::/0 via ${gateway.v6} dev ${name} metric ${net}`,
  );
  const [mac, gatewayMac] = [await macOf(from, name), await macOf(to, peer)];
  await ip(
    to,
    ...[other.v4, other.v6].map(
      (address) => `neighbour add ${address} lladdr ${mac} dev ${peer} nud permanent`,
    ),
  );
  return { name, mac, gatewayMac, podIp: own.v4, gateway, other };
}

export async function sysctls(space: string, settings: readonly string[]): Promise<void> {
  await must(["ip", "netns", "exec", space, "sysctl", "--quiet", "--write", ...settings]);
}

/** Runs each line as a command of ip(8) in the namespace, and stops at the first that fails. */
export async function ip(space: string, ...lines: readonly string[]): Promise<void> {
  await must(["ip", "-n", space, "-batch", "-"], { input: lines.join("\n") });
}

async function macOf(space: string, device: string): Promise<string> {
  const shown = await must(["ip", "-n", space, "-o", "link", "show", "dev", device]);
  return /link\/ether (\S+)/.exec(shown)?.[1] ?? "";
}

export async function ready(child: ChildProcessWithoutNullStreams): Promise<void> {
  const ended = collect(child).then(({ stderr }) =>
    Promise.reject(new Error(`the stand-in ended: ${stderr}`)),
  );
  ended.catch(() => undefined);
  await Promise.race([once(child.stdout, "data"), ended]);
}
