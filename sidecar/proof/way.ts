import type { NetworkInterfaceInfo } from "node:os";
import { isIPv4, isLoopback } from "../kit/address.ts";
import { systemCode } from "../kit/errors.ts";

/**
 * Whether other programs of the pod get to an address as the proof does. `none`: the pod has no address of that family, so nothing gets
 * there. `only`: whatever is sent there takes the same way; `from`: if it is sent from the same one of these addresses, any of which every
 * program may bind a socket to. `one of several`: a program, perhaps a moment later, can take another; `said`
 * ends a clause about what the proof found.
 */
export type Way =
  | { readonly kind: "none" }
  | { readonly kind: "only"; readonly from?: readonly string[] }
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
  // An address of the pod's own: no packet leaves it. To another of loopback, the kernel sends from 127.0.0.1.
  if (isLoopback(address) || ("from" in route && route.from === address)) return { kind: "only" };
  const all = addressesIn(network);
  if (all === undefined) return several("over one of an unknown number of interfaces");
  // Every interface has a link-local one of IPv6, so that one does not count.
  const addresses = all.filter((own) => !isLinkLocal(own.address));
  if (addresses.length === 0) return several("before the pod had an address");
  if (isLinkLocal(address) && all.some((own) => !isIPv4(own.address))) {
    return several("over no interface, and a link-local address needs one");
  }
  const family = addresses.filter((own) => isIPv4(own.address) === isIPv4(address));
  if (family.length === 0) return { kind: "none" };
  if ("code" in route) {
    // A program of the kernel forbids it, whatever interface a socket is bound to.
    if (route.code === "EPERM") return { kind: "only" };
    // Every program may bind a socket to an interface (SO_BINDTODEVICE), which gets past routes that lead nowhere.
    return several("by the pod's own routes alone");
  }
  // While the kernel checks whether an address is already in use, it sends from the link's or from loopback. Routers do not pass that on.
  if (!family.some((own) => own.address === route.from))
    return several("while the pod's own address was not ready");
  const names = [...new Set(family.map(({ name }) => name))];
  if (names.length === 1) return family.length === 1 ? { kind: "only" } : fromEach(family);
  return several(`over one of the pod's interfaces alone (${names.join(", ")}; mode block covers all)`);
}

/** More than the tries of a proof have sockets for. A pod has one address of a family, two or three where routers announce some. */
const FROM_MAX = 8;

function fromEach(family: readonly { readonly address: string }[]): Way {
  if (family.length > FROM_MAX) return several("from a few of the pod's many addresses alone");
  return { kind: "only", from: family.map(({ address }) => address) };
}

const several = (said: string): Way => ({ kind: "one of several", said });

/** The pod's own addresses, without loopback's. */
function addressesIn({
  interfaces,
}: OwnNetwork): readonly { readonly name: string; readonly address: string }[] | undefined {
  try {
    return Object.entries(interfaces()).flatMap(([name, has = []]) =>
      has.filter(({ internal }) => !internal).map(({ address }) => ({ name, address })),
    );
  } catch {
    return undefined;
  }
}

const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);

const ANY_PORT = 80;

/** For UDP, to connect is to look for a route. No packet leaves. */
function routeTo(address: string): Promise<Route> {
  const type = isIPv4(address) ? "udp4" : "udp6";
  const socket = process.getBuiltinModule("node:dgram").createSocket(type);
  return new Promise<Route>((resolve) => {
    socket
      .on("error", (error) => resolve({ code: systemCode(error) ?? "UNKNOWN" }))
      .once("connect", () => resolve({ from: socket.address().address }))
      .connect(ANY_PORT, address);
  }).finally(() => socket.close());
}

const ownNetwork: OwnNetwork = {
  interfaces: () => process.getBuiltinModule("node:os").networkInterfaces(),
  routeTo,
};
