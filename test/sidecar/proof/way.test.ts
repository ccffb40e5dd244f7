import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { wayTo, type OwnNetwork } from "../../../sidecar/proof/way.ts";

const [V4, V6] = ["169.254.169.254", "fd00:ec2::254"];

const own = (address: string, internal = false): NetworkInterfaceInfo => {
  const rest = { address, netmask: "", mac: "", internal, cidr: null };
  return address.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" };
};

const LO = [own("127.0.0.1", true), own("::1", true)];

type Route = Awaited<ReturnType<OwnNetwork["routeTo"]>>;

/** A pod's network: its interfaces' addresses, and what the kernel says about every route. */
const network = (
  interfaces: Readonly<Record<string, readonly string[]>>,
  route: Route = { from: "10.0.0.7" },
): OwnNetwork => ({
  interfaces: () => ({
    lo: LO,
    ...Object.fromEntries(
      Object.entries(interfaces).map(([name, addresses]) => [name, addresses.map((one) => own(one))]),
    ),
    down: undefined,
  }),
  routeTo: () => Promise.resolve(route),
});

test.each([
  ["a pod with IPv4 alone", V6, network({ eth0: ["10.0.0.7", "fe80::1"] })],
  ["a pod with IPv6 alone", V4, network({ eth0: ["fd00::7"] })],
  ["a pod with IPv4 and link-local IPv6", V6, network({ eth0: ["10.0.0.7", "FE80::2"], net1: ["febf::3"] })],
])("%s has no way to the other family", async (_, address, has) => {
  expect(await wayTo(address, has)).toEqual({ kind: "none" });
});

test.each([
  ["a pod of two families", V4, network({ eth0: ["10.0.0.7", "fd00::7"] })],
  ["a pod of two families", V6, network({ eth0: ["10.0.0.7", "fd00::7"] }, { from: "fd00::7" })],
  [
    "a pod with an interface for each family, as EKS gives it",
    V4,
    network({ eth0: ["fd00::7", "fe80::1"], v4if0: ["169.254.172.2", "fe80::2"] }, { from: "169.254.172.2" }),
  ],
  [
    "a pod that has the address itself",
    V4,
    network({ eth0: ["10.0.0.7"], net1: ["10.1.0.7"] }, { from: V4 }),
  ],
  [
    "a pod that sends to its own loopback",
    "127.0.0.2",
    network({ eth0: ["10.0.0.7"], net1: ["10.1.0.7"] }, { from: "127.0.0.1" }),
  ],
  ["a pod to which the kernel forbids it", V4, network({ eth0: ["10.0.0.7"] }, { code: "EPERM" })],
])("%s has but one way", async (_, address, has) => {
  expect(await wayTo(address, has)).toEqual({ kind: "only" });
});

test("a program can choose any of an interface's addresses to send from", async () => {
  expect(await wayTo(V4, network({ eth0: ["10.0.0.7", "10.0.0.8", "fd00::7", "fe80::1"] }))).toEqual({
    kind: "only",
    from: ["10.0.0.7", "10.0.0.8"],
  });
});

test.each([
  ["loopback alone", V4, network({})],
  ["link-local IPv6 alone", V6, network({ eth0: ["fe80::1"] }, { code: "ENETUNREACH" })],
] as const)("a pod with %s has no address yet", async (_, address, has) => {
  expect(await wayTo(address, has)).toEqual({
    kind: "one of several",
    said: "before the pod had an address",
  });
});

test.each(["EINVAL", "EACCES", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EMFILE", "UNKNOWN"])(
  "a program can get past the pod's own routes, whatever the kernel says: %s",
  async (code) => {
    for (const address of ["10.0.0.7", "169.254.1.7"]) {
      expect(await wayTo(V4, network({ eth0: [address] }, { code }))).toEqual({
        kind: "one of several",
        said: "by the pod's own routes alone",
      });
    }
  },
);

test("a program can name the interface that a link-local address needs, also in a pod without other IPv6", async () => {
  const [there, route] = ["fe80::a9fe:a9fe", { code: "EINVAL" }];
  expect(await wayTo(there, network({ eth0: ["10.0.0.7", "fe80::1"] }, route))).toEqual({
    kind: "one of several",
    said: "over no interface, and a link-local address needs one",
  });
  expect(await wayTo(there, network({ eth0: ["10.0.0.7"] }, route))).toEqual({ kind: "none" });
});

test("a program can choose another interface with an address of the family", async () => {
  expect(await wayTo(V4, network({ eth0: ["10.0.0.7"], net1: ["10.1.0.7"] }))).toEqual({
    kind: "one of several",
    said: "over one of the pod's interfaces alone (eth0, net1; mode block covers all)",
  });
});

test.each(["fe80::1%eth0", "::1", "::"])(
  "what is sent from %s says nothing of the pod's own address, which may not be ready",
  async (from) => {
    expect(await wayTo(V6, network({ eth0: ["fd00::7", "fe80::1"] }, { from }))).toEqual({
      kind: "one of several",
      said: "while the pod's own address was not ready",
    });
  },
);

test("a pod whose interfaces cannot be read may have several", async () => {
  const unreadable = (): never => {
    throw new Error("not here");
  };
  expect(await wayTo(V4, { ...network({}), interfaces: unreadable })).toMatchObject({
    kind: "one of several",
  });
});

test("the kernel of this machine is asked for a route, and nothing is sent", async () => {
  expect(await wayTo("127.0.0.1")).toEqual({ kind: "only" });
  for (const address of [V4, V6])
    expect((await wayTo(address)).kind).toMatch(/^(?:none|only|one of several)$/);
});
