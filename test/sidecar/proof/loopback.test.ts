import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { loopbackPackets } from "../../../sidecar/proof/loopback.ts";
import { prove } from "../../../sidecar/proof/prove.ts";
import type { Way } from "../../../sidecar/proof/way.ts";

const DEVICES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0:    1000      70    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
`;
const LOOPBACK =
  "    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0\n";
const LONG =
  "    lo:123456789012345678   12345    0    0    0     0          0         0      100       2    0    0    0     0       0          0\n";

test.for<readonly [string, string, number]>([
  ["of the loopback", DEVICES + LOOPBACK, 2],
  ["of the loopback, wherever it stands", LOOPBACK + DEVICES, 2],
  ["of a loopback that has taken much", LONG, 12_345],
  ["that cannot be known without a loopback", DEVICES, Number.NaN],
  ["that cannot be known without a table", "", Number.NaN],
  ["that cannot be known from another table", DEVICES + "   lo0: 1 2 3\n", Number.NaN],
])("counts the packets %s", ([, text, packets]) => {
  expect(loopbackPackets(() => text)).toBe(packets);
});

test("counts the packets of this machine's loopback as they come", async () => {
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const before = loopbackPackets();
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "close");
  server.close();
  expect(loopbackPackets()).toBeGreaterThan(before);
});

/** The kernel sends nothing there. */
const NOWHERE = "255.255.255.255";

test.for<readonly [string, () => number, Way["kind"], string]>([
  ["is held if the loopback has taken nothing", () => 7, "only", "held"],
  ["proves nothing if the loopback has taken packets meanwhile", counting(), "only", "unproven"],
  ["proves nothing if that cannot be known", () => Number.NaN, "only", "unproven"],
  ["is held if nothing can be sent there", counting(), "none", "held"],
])("an address that refuses %s", async ([, loopback, kind, verdict]) => {
  const wayTo = (): Promise<Way> => Promise.resolve({ kind, said: "" });
  expect(await prove([NOWHERE], { waitMs: 500, wayTo, loopback })).toMatchObject([{ kind: verdict }]);
});

test("an address of the loopback itself may be asked there", async () => {
  expect(await prove(["127.0.0.1"], { waitMs: 500, port: 9, loopback: counting() })).toMatchObject([
    { kind: "held" },
  ]);
});

function counting(): () => number {
  let count = 0;
  return () => count++;
}
