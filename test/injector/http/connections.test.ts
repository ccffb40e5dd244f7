import { EventEmitter } from "node:events";
import type { Server } from "node:http";
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
    server.emit("request", { socket: first }, response);
    server.emit("connection", second);
    first.emit("close");
    response.emit("close");
    second.emit("close");
  }
  for (const port of [1, 2]) server.emit("connection", connectionFrom(port));
  expect(refused).toBe(0);
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
