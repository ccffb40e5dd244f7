import { expect, test } from "vitest";
import { ENV, NO_GUARD } from "../../../sidecar/contract/env.ts";
import { parseGuardConfig } from "../../../sidecar/guard/config.ts";

const env = {
  [ENV.blockedAddresses]: "169.254.169.254,fd00:ec2::254",
  [ENV.podIp]: "10.1.2.3",
  [ENV.hostIp]: "10.0.0.1",
};

test("the guard reads what the injector writes", () => {
  expect(parseGuardConfig(env)).toEqual({
    addresses: ["169.254.169.254", "fd00:ec2::254"],
    openUid: undefined,
    sidecar: undefined,
    egressHook: "require",
    imds: "block",
    imdsPort: 16_927,
    podIp: "10.1.2.3",
    hostIp: "10.0.0.1",
    logLevel: "info",
  });
});

test("the guard keeps each address once, normalised", () => {
  const blocked = "FD00:EC2:0::254, 169.254.169.254 ,::ffff:169.254.169.254,,fd00:ec2::254";
  const { addresses } = parseGuardConfig({ ...env, [ENV.blockedAddresses]: blocked });
  expect(addresses).toEqual(["fd00:ec2::254", "169.254.169.254"]);
});

test("the guard reads the uid that is let through", () => {
  expect(parseGuardConfig({ ...env, [ENV.openUid]: "64169" }).openUid).toBe(64_169);
});

test("the guard reads the sidecar's uid and ports, each port once", () => {
  const uid = { [ENV.sidecarUid]: "51234" };
  const both = { ...uid, [ENV.sidecarPorts]: "16925, 16926,16925" };
  expect(parseGuardConfig({ ...env, ...both }).sidecar).toEqual({ uid: 51_234, ports: [16_925, 16_926] });
  expect(parseGuardConfig({ ...env, ...uid }).sidecar).toEqual({ uid: 51_234, ports: [16_925] });
});

test("the guard refuses ports without the uid that may answer there, which would be half a rule", () => {
  const alone = { ...env, [ENV.sidecarPorts]: "16925" };
  expect(() => parseGuardConfig(alone)).toThrow(`${ENV.sidecarPorts} needs ${ENV.sidecarUid}`);
});

test.each([undefined, ""])(
  "the guard blocks EC2's metadata service when it is told no address: %j",
  (none) => {
    const { addresses } = parseGuardConfig({ ...env, [ENV.blockedAddresses]: none });
    expect(addresses).toEqual(["169.254.169.254", "fd00:ec2::254"]);
  },
);

test.each([
  ["root as the sidecar's uid", { [ENV.sidecarUid]: "0" }, ENV.sidecarUid],
  ["a sidecar's uid beyond a user namespace", { [ENV.sidecarUid]: "65536" }, ENV.sidecarUid],
  ["a port above 65535", { [ENV.sidecarPorts]: "16925,65536" }, ENV.sidecarPorts],
  ["a rule in disguise as a port", { [ENV.sidecarPorts]: "16925 accept" }, ENV.sidecarPorts],
  ["no port at all", { [ENV.sidecarPorts]: " , " }, ENV.sidecarPorts],
])("the guard refuses %s", (_, over, name) => {
  const both = { [ENV.sidecarUid]: "51234", [ENV.sidecarPorts]: "16925", ...over };
  expect(() => parseGuardConfig({ ...env, ...both })).toThrow(name);
});

test.each([
  ["no address at all", ENV.blockedAddresses, NO_GUARD],
  ["commas only", ENV.blockedAddresses, " , ,"],
  ["a name", ENV.blockedAddresses, "169.254.169.254,metadata"],
  ["a network", ENV.blockedAddresses, "169.254.0.0/16"],
  ["a rule in disguise", ENV.blockedAddresses, "169.254.169.254 accept"],
  ["loopback", ENV.blockedAddresses, "127.0.0.1"],
  ["IPv6 loopback", ENV.blockedAddresses, "0::1"],
  ["mapped loopback", ENV.blockedAddresses, "::ffff:127.0.0.1"],
  ["the unspecified address", ENV.blockedAddresses, "0.0.0.0"],
  ["the VPC's DNS server", ENV.blockedAddresses, "169.254.169.254,169.254.169.253"],
  ["the same over IPv6", ENV.blockedAddresses, "FD00:EC2:0::253"],
  ["the clock", ENV.blockedAddresses, "169.254.169.123"],
  ["the clock, mapped", ENV.blockedAddresses, "::ffff:169.254.169.123"],
  ["an unknown word on the egress hook", ENV.egressHook, "yes"],
  ["an unknown mode of the metadata service", ENV.imds, "emulated"],
  ["a port above 65535", ENV.imdsPort, "65536"],
  ["root", ENV.openUid, "0"],
  ["a uid beyond a user namespace", ENV.openUid, "65536"],
  ["a uid in words", ENV.openUid, "root"],
  ["two uids", ENV.openUid, "1,2"],
  ["no pod address", ENV.podIp, ""],
  ["no host address", ENV.hostIp, undefined],
  ["a host name", ENV.hostIp, "node1"],
  ["an unknown log level", ENV.logLevel, "loud"],
])("the guard refuses %s", (_, name, value) => {
  expect(() => parseGuardConfig({ ...env, [name]: value })).toThrow(name);
});

test("the guard names every problem at once", () => {
  const thrower = () => parseGuardConfig({ [ENV.blockedAddresses]: ",", [ENV.openUid]: "x" });
  for (const name of [ENV.blockedAddresses, ENV.openUid, ENV.podIp, ENV.hostIp])
    expect(thrower).toThrow(name);
});

test("the message says what the address is that no pod does without", () => {
  const dns = { ...env, [ENV.blockedAddresses]: "169.254.169.253" };
  expect(() => parseGuardConfig(dns)).toThrow(
    `${ENV.blockedAddresses} must not block 169.254.169.253, which is the VPC's DNS server and no pod does without.`,
  );
});
