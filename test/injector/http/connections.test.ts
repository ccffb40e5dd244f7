import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limitConnections } from "../../../injector/http/connections.ts";

const connectionFrom = (remotePort: number, remoteAddress = "10.0.0.1") =>
  Object.assign(new EventEmitter(), { remoteAddress, remotePort, destroy: () => undefined });

test("a connection with the two ends of one that Node still takes for open is counted once, and forgotten", () => {
  const server = new EventEmitter();
  let refused = 0;
  limitConnections(server as Server, { connections: 2, connectionsPerAddress: 2 }, () => (refused += 1));
  for (let turn = 0; turn < 3; turn += 1) {
    const [first, second] = [connectionFrom(1), connectionFrom(1)];
    const response = new EventEmitter();
    server.emit("connection", first);
    server.emit("request", { socket: first, complete: true }, response);
    server.emit("connection", second);
    first.emit("close");
    response.emit("close");
    second.emit("close");
  }
  for (const port of [1, 2]) server.emit("connection", connectionFrom(port));
  expect(refused).toBe(0);
});

test("connections from one port to several addresses of the server are not open at once", () => {
  const server = new EventEmitter();
  limitConnections(server as Server, { connections: 9, connectionsPerAddress: 9 }, () => undefined);
  const open = new Set<string>();
  for (const localAddress of ["10.0.0.8", "10.0.0.9"]) {
    open.add(localAddress);
    const destroy = () => (open.delete(localAddress), undefined);
    server.emit("connection", Object.assign(connectionFrom(1), { localAddress, destroy }));
  }
  expect([...open]).toEqual(["10.0.0.9"]);
});

test("an address that opens connections too often is refused more, and another is not", () => {
  const server = new EventEmitter();
  let refused = 0;
  const limits = { connections: 9, connectionsPerAddress: 9, connectionRate: { burst: 3, perSecond: 0.001 } };
  limitConnections(server as Server, limits, () => (refused += 1));
  for (let port = 1; port <= 10; port += 1) {
    const connection = connectionFrom(port);
    server.emit("connection", connection);
    connection.emit("close");
  }
  expect(refused).toBe(7);
  server.emit("connection", connectionFrom(1, "10.0.0.2"));
  expect(refused).toBe(7);
});

type Connection = ReturnType<typeof connectionFrom>;
type State = "idle" | "receiving" | "answering";

/** A server with limits, and its clients. */
function limited(connections: number, connectionsPerAddress: number) {
  const server = new EventEmitter();
  const open = new Map<Connection, State>();
  const requests = new Map<Connection, { complete: boolean; answer: EventEmitter }>();
  let port = 0;
  limitConnections(server as Server, { connections, connectionsPerAddress }, () => undefined);
  return {
    open,
    from: (address: string) => [...open.keys()].filter((one) => one.remoteAddress === address),
    /** @returns the new connection, which is not in `open` if it was refused */
    connect: (address: string): Connection => {
      const one = connectionFrom((port += 1), address);
      one.destroy = () => (open.delete(one), undefined);
      open.set(one, "idle");
      server.emit("connection", one);
      return one;
    },
    /** Sends a request's headers, or the rest of its body, or gets its answer. */
    goOn: (one: Connection): void => {
      const { complete = false, answer = new EventEmitter() } = requests.get(one) ?? {};
      const known = { complete, answer, socket: one };
      const state = open.get(one);
      if (state === "idle") {
        requests.set(one, known);
        server.emit("request", known, answer);
      } else if (state === "receiving") {
        const request = requests.get(one);
        if (request) request.complete = true;
      } else {
        requests.delete(one);
        answer.emit("close");
      }
      open.set(one, state === "idle" ? "receiving" : state === "receiving" ? "answering" : "idle");
    },
    leave: (one: Connection): void => {
      open.delete(one);
      one.emit("close");
    },
  };
}

test("addresses whose connections are all in use do not shield the idle ones of others", () => {
  const { connect, goOn, from, open } = limited(8, 5);
  const busy = Array.from({ length: 5 }, () => connect("10.0.0.1"));
  const silent = Array.from({ length: 3 }, () => connect("10.0.0.2"));
  for (const one of busy) [goOn, goOn].forEach((step) => step(one));
  expect(open.has(connect("10.0.0.3"))).toBe(true);
  expect(from("10.0.0.2")).toEqual(silent.slice(1));
  expect(from("10.0.0.1")).toEqual(busy);
});

test("a connection whose request does not come whole gives way as an idle one does, and one with a whole request does not", () => {
  const { connect, goOn, from, open } = limited(4, 4);
  const [slow, whole, ...idle] = Array.from({ length: 4 }, () => connect("10.0.0.1"));
  if (slow === undefined || whole === undefined) throw new Error("no connection");
  [slow, whole, whole].forEach(goOn);
  // First those that were used longest ago.
  for (const [index, left] of [[slow, whole, idle[1]], [slow, whole], [whole]].entries()) {
    expect(open.has(connect(`10.0.1.${index}`))).toBe(true);
    expect(from("10.0.0.1")).toEqual(left);
  }
  expect(open.has(connect("10.0.1.9"))).toBe(false);
});

const ADDRESS = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4");
const STEP = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("connect" as const), address: ADDRESS }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("goOn" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("leave" as const), which: fc.nat(9) }) },
);

test("a new connection is refused only if no larger address has one to close, and closes none with a whole request", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 2, max: 6 }),
      fc.array(STEP, { minLength: 20, maxLength: 80 }),
      (most, mostOfOne, steps) => {
        const { open, from, connect, goOn, leave } = limited(most, mostOfOne);
        for (const step of steps) {
          if (step.kind !== "connect") {
            const one = [...open.keys()][step.which];
            if (one !== undefined) (step.kind === "leave" ? leave : goOn)(one);
            continue;
          }
          const before = new Map(open);
          const sizes = new Map([...before.keys()].map((one) => [one, from(one.remoteAddress).length]));
          const has = from(step.address).length;
          const mayClose = [...before].filter(
            ([one, state]) => state !== "answering" && (sizes.get(one) ?? 0) > has + 1,
          );
          const isIn = open.has(connect(step.address));
          const closed = [...before.keys()].filter((one) => !open.has(one));
          const mayEnter = has < mostOfOne && (before.size < most || mayClose.length > 0);
          expect(isIn).toBe(mayEnter);
          expect(closed).toHaveLength(isIn && before.size === most ? 1 : 0);
          const largest = Math.max(...mayClose.map(([one]) => sizes.get(one) ?? 0));
          for (const one of closed) {
            expect(mayClose.map(([candidate]) => candidate)).toContain(one);
            expect(sizes.get(one)).toBe(largest);
          }
        }
        expect(open.size).toBeLessThanOrEqual(most);
      },
    ),
  );
});
