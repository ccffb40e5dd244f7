import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { wayTo, type OwnNetwork } from "../../../sidecar/proof/way.ts";

const [V4, V6] = ["169.254.169.254", "fd00:ec2::254"];

const own = (address: string, internal = false): NetworkInterfaceInfo => {
  const rest = { address, netmask: "", mac: "", internal, cidr: null };
  return address.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" };
};

const LO = [own("127.0.0.1", true), own("::1", true)];
const HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const V4_DEFAULT = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
const V4_SUBNET = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
const V4_HALF = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
const V4_UNREACHABLE = "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n";
const none = "0".repeat(32);
const V6_DEFAULT = `${none} 00 ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n`;
/** The kernel's own, in each namespace. */
const V6_NULL = `${none} 00 ${none} 00 ${none} ffffffff 00000001 00000000 00200200       lo\n`;
const V6_SUBNET = `fd000000000000000000000000000000 40 ${none} 00 ${none} 00000100 00000001 00000000 00000001     eth0\n`;

const network = (addresses: readonly string[], route = HEAD, ipv6_route = V6_NULL): OwnNetwork => ({
  interfaces: () => ({ lo: LO, eth0: addresses.map((address) => own(address)), net1: undefined }),
  table: (name) => ({ route, ipv6_route })[name],
});

test.each([
  ["a pod with IPv4 alone", V6, network(["10.0.0.7"], HEAD + V4_DEFAULT), "no-address"],
  ["a pod with IPv6 alone", V4, network(["fd00::7"], HEAD, V6_DEFAULT), "no-address"],
  ["a pod with IPv4 and link-local IPv6", V6, network(["10.0.0.7", "fe80::1", "FEBF::2"]), "no-address"],
  ["a pod with IPv6 and link-local IPv4", V4, network(["fd00::7", "169.254.1.1"]), "no-address"],
  ["a pod with link-local addresses alone", V6, network(["fe80::1", "169.254.1.1"]), "no-network"],
  ["a pod with loopback alone", V4, network([]), "no-network"],
  ["a pod of two families", V4, network(["10.0.0.7", "fd00::7"], HEAD + V4_DEFAULT), "default-route"],
  [
    "a pod of two families",
    V6,
    network(["10.0.0.7", "fd00::7"], HEAD, V6_DEFAULT + V6_NULL),
    "default-route",
  ],
  ["a pod without any route", V4, network(["10.0.0.7"]), "no-default-route"],
  ["a pod without any table", V4, network(["10.0.0.7"], "", ""), "no-default-route"],
  ["a pod with its subnet alone", V4, network(["10.0.0.7"], HEAD + V4_SUBNET), "no-default-route"],
  ["a pod with half of all addresses", V4, network(["10.0.0.7"], HEAD + V4_HALF), "no-default-route"],
  ["a pod whose default leads nowhere", V4, network(["10.0.0.7"], HEAD + V4_UNREACHABLE), "no-default-route"],
  ["a pod with its subnet alone", V6, network(["fd00::7"], HEAD, V6_SUBNET + V6_NULL), "no-default-route"],
] as const)("%s has to %s what it has", (_, address, has, expected) => {
  expect(wayTo(address, has)).toBe(expected);
});

test("what a pod has is unknown when its interfaces cannot be read", () => {
  const unreadable = (): never => {
    throw new Error("not here");
  };
  expect(wayTo(V4, { ...network([]), interfaces: unreadable })).toBe("unknown");
});

test("this machine's own network can be read", () => {
  for (const address of [V4, V6])
    expect(wayTo(address)).toMatch(/^(?:no-address|no-default-route|default-route)$/);
});
