import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { expect, test } from "vitest";
import { limitConnections } from "../../../injector/http/connections.ts";

const connectionFrom = (remotePort: number) =>
  Object.assign(new EventEmitter(), { remoteAddress: "10.0.0.1", remotePort, destroy: () => undefined });

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
