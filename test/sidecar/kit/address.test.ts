import { expect, test } from "vitest";
import { addressBits, isIPv4, normalAddress } from "../../../sidecar/kit/address.ts";

test.each([
  ["169.254.169.254", "169.254.169.254"],
  ["FD00:0EC2:0:0::0254", "fd00:ec2::254"],
  ["::ffff:169.254.169.254", "169.254.169.254"],
  ["::FFFF:a9fe:a9fe", "169.254.169.254"],
])("%s is the address %s", (raw, address) => {
  expect(normalAddress(raw)).toBe(address);
});

test.each([
  "",
  "metadata",
  "169.254.169.254/32",
  "169.254.169",
  "0xa9fea9fe",
  "fe80::1%eth0",
  "[::1]",
  "1.2.3.4 ",
])("%j is no address", (raw) => {
  expect(normalAddress(raw)).toBeUndefined();
});

test("an IPv4 address is told from an IPv6 one", () => {
  expect([isIPv4("169.254.169.254"), isIPv4("fd00:ec2::254")]).toEqual([true, false]);
});

test.each([
  ["169.254.169.254", 0xa9fea9fen],
  ["10.0.0.7", 0x0a000007n],
  ["fd00:ec2::254", 0xfd000ec2000000000000000000000254n],
  ["::1", 1n],
  ["::", 0n],
  ["1:2:3:4:5:6:7:8", 0x00010002000300040005000600070008n],
  ["64:ff9b::169.254.169.254", 0x64ff9b0000000000000000a9fea9fen],
  ["fd00::", 0xfd000000000000000000000000000000n],
])("the bits of %s are those in a packet", (address, bits) => {
  expect(addressBits(address)).toBe(bits);
});
