import { readFileSync } from "node:fs";
import type { NetworkInterfaceInfo } from "node:os";
import { isIPv4 } from "../kit/address.ts";

/** Whether the pod has a way to addresses of a family, as far as can be known. `no-network`: it has no address of any family. */
export type Way = "no-network" | "no-address" | "no-default-route" | "default-route" | "unknown";

/** What the pod's network looks like. Passed in by tests. */
export interface OwnNetwork {
  readonly interfaces: () => NodeJS.Dict<readonly NetworkInterfaceInfo[]>;
  /** The content of a file of `/proc/self/net`, or an empty text. */
  readonly table: (name: "route" | "ipv6_route") => string;
}

/**
 * Every interface has a link-local IPv6 address, and no packet leaves the link by it, so that one does not count.
 * Never throws.
 * @param address of the family
 */
export function wayTo(address: string, network: OwnNetwork = ownNetwork): Way {
  try {
    return wayIn(network, address);
  } catch {
    return "unknown";
  }
}

function wayIn(network: OwnNetwork, address: string): Way {
  const isV4 = isIPv4(address);
  const family = isV4 ? "IPv4" : "IPv6";
  const addresses = Object.values(network.interfaces())
    .flatMap((own) => own ?? [])
    .filter((own) => !own.internal && !isLinkLocal(own.address));
  if (addresses.length === 0) return "no-network";
  if (!addresses.some((own) => own.family === family)) return "no-address";
  const hasRoute = isV4 ? hasRouteV4(network.table("route")) : hasRouteV6(network.table("ipv6_route"));
  return hasRoute ? "default-route" : "no-default-route";
}

const isLinkLocal = (address: string): boolean => /^(?:169\.254\.|fe[89ab][0-9a-f]:)/i.test(address);

const NOTHING_V4 = "00000000";
const NOTHING_V6 = "0".repeat(32);
/** Of the kernel's `RTF_…` flags: the route leads nowhere. */
const REJECTS = 0x0200;

/** Columns: interface, destination, gateway, flags, references, use, metric, mask, in hexadecimal digits. */
const hasRouteV4 = (table: string): boolean =>
  rowsOf(table).some(
    ([, destination, , flags, , , , mask]) =>
      destination === NOTHING_V4 && mask === NOTHING_V4 && leads(flags),
  );

/** Columns: destination, its prefix, source, its prefix, next hop, metric, references, use, flags, interface. */
const hasRouteV6 = (table: string): boolean =>
  rowsOf(table).some(
    ([destination, prefix, , , , , , , flags]) =>
      destination === NOTHING_V6 && prefix === "00" && leads(flags),
  );

const rowsOf = (table: string): readonly (readonly string[])[] =>
  table.split("\n").map((line) => line.trim().split(/\s+/));

const leads = (flags = ""): boolean => (Number.parseInt(flags, 16) & REJECTS) === 0;

const ownNetwork: OwnNetwork = {
  // Loaded only where it is needed: most pods are refused in another way.
  interfaces: () => process.getBuiltinModule("node:os").networkInterfaces(),
  table: (name) => {
    try {
      return readFileSync(`/proc/self/net/${name}`, "utf8");
    } catch {
      // Where the kernel has no IPv6, there is no file.
      return "";
    }
  },
};
