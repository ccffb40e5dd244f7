import type { NetworkInterfaceInfo } from "node:os";
import { isIPv4 } from "../kit/address.ts";
import { systemCode } from "../kit/errors.ts";

/**
 * Whether other programs of the pod get to an address as the proof does. `none`: the pod has no address of that family, so nothing gets
 * there. `only`: whatever is sent there takes the same way. `one of several`: a program, perhaps a moment later, can take another; `said`
 * ends a clause about what the proof found.
 */
export type Way =
  | { readonly kind: "none" }
  | { readonly kind: "only" }
  | { readonly kind: "one of several"; readonly said: string };

/** Where the kernel would send a packet from, or the errno's name by which it would not. */
type Route = { readonly from: string } | { readonly code: string };

/** What the pod's network looks like. Passed in by tests. */
export interface OwnNetwork {
  readonly interfaces: () => NodeJS.Dict<readonly NetworkInterfaceInfo[]>;
  readonly routeTo: (address: string) => Promise<Route>;
}

/** Sends nothing, and never rejects. */
export async function wayTo(address: string, network: OwnNetwork = ownNetwork): Promise<Way> {
  const route = await network.routeTo(address);
  // An address of the pod's own: no packet leaves it.
  if ("from" in route && route.from === address) return { kind: "only" };
  const names = namesOf(network);
  if (names === undefined) return several("over one of an unknown number of interfaces");
  const { IPv4, IPv6 } = names;
  if (IPv4.length + IPv6.length === 0) return several("before the pod had an address");
  const family = isIPv4(address) ? IPv4 : IPv6;
  if (family.length === 0) return { kind: "none" };
  if ("code" in route) {
    // A program of the kernel forbids it, whatever interface a socket is bound to.
    if (route.code === "EPERM") return { kind: "only" };
    // Every program may bind a socket to an interface (SO_BINDTODEVICE), which gets past routes that lead nowhere.
    return several(`by the pod's own routes alone (${route.code})`);
  }
  // While the kernel checks whether an address is already in use, it sends from the link's. Routers do not pass that on.
  if (isLinkLocal(route.from)) return several("while the pod's own address was not ready");
  if (family.length === 1) return { kind: "only" };
  return several(`over one of the pod's interfaces alone (${family.join(", ")}; mode block covers all)`);
}

const several = (said: string): Way => ({ kind: "one of several", said });

/** Of each family, the interfaces with an address. Every interface has a link-local one of IPv6, so that one does not count. */
function namesOf({
  interfaces,
}: OwnNetwork): Readonly<Record<"IPv4" | "IPv6", readonly string[]>> | undefined {
  try {
    const has = Object.entries(interfaces());
    const withOne = (family: string): readonly string[] =>
      has
        .filter(([, addresses = []]) =>
          addresses.some((own) => own.family === family && !own.internal && !isLinkLocal(own.address)),
        )
        .map(([name]) => name);
    return { IPv4: withOne("IPv4"), IPv6: withOne("IPv6") };
  } catch {
    return undefined;
  }
}

const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);

const ANY_PORT = 80;

const ownNetwork: OwnNetwork = {
  interfaces: () => process.getBuiltinModule("node:os").networkInterfaces(),
  // For UDP, to connect is to look for a route. No packet leaves.
  routeTo: (address) =>
    new Promise((resolve) => {
      const socket = process
        .getBuiltinModule("node:dgram")
        .createSocket({ type: isIPv4(address) ? "udp4" : "udp6" });
      const end = (route: Route): void => {
        socket.close();
        resolve(route);
      };
      const failed = (error: unknown): void => end({ code: systemCode(error) ?? "UNKNOWN" });
      socket.once("error", failed);
      socket.once("connect", () => end({ from: socket.address().address }));
      socket.connect(ANY_PORT, address);
    }),
};
