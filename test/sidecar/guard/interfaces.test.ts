import { expect, test } from "vitest";
import { interfaceNames } from "../../../sidecar/guard/interfaces.ts";

const HEADING = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;

function table(...names: readonly string[]): string {
  return (
    HEADING + names.map((name) => `${name.padStart(6)}:     560      12    0    0    0     0\n`).join("")
  );
}

test("the guard finds every interface but loopback", () => {
  expect(interfaceNames(table("lo", "eth0", "net1", "bond0.100", "longer_name-15c"))).toEqual([
    "eth0",
    "net1",
    "bond0.100",
    "longer_name-15c",
  ]);
});

test("the guard reads a name when a counter touches the colon", () => {
  expect(interfaceNames(`${HEADING}  eth0:4294967295      12    0\n`)).toEqual(["eth0"]);
});

test("the guard finds no interface when there is only loopback", () => {
  expect(interfaceNames(table("lo"))).toEqual([]);
});

test.each(['a"b', "a\\", "eth*", "x{}#;", "$var", "@set", "übel", "a,b", "a'b"])(
  "the guard stops at the interface name %j",
  (name) => {
    expect(() => interfaceNames(table("lo", "eth0", name))).toThrow(
      expect.objectContaining({ code: "GUARD_INTERFACE_NAME" }),
    );
  },
);
