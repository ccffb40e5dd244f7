import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { systemClock } from "../../sidecar/kit/clock.ts";
import { allowances, type Rate } from "../model/allowance.ts";

export interface ConnectionLimits {
  /**
   * A connection that has been used costs some 70 kB (measured). An API server opens as many as it has writes in flight,
   * 200 by default.
   */
  readonly connections: number;
  /** From one address, so that one pod with many connections leaves room for the API servers. */
  readonly connectionsPerAddress: number;
  /**
   * How often one address may open a connection; absent: as often as it likes. A TLS handshake takes 0.4 ms of the server's only thread,
   * and a connection that is closed before it 0.1 ms (measured).
   */
  readonly connectionRate?: Rate;
}

/** Of so many addresses it is known how often they have opened a connection. */
const ADDRESSES_MAX = 20_000;

interface Connection {
  readonly socket: Socket;
  /** That is not answered yet. */
  request: IncomingMessage | undefined;
}

/**
 * Bounds a server's connections. When there are too many, a new one replaces an idle one: of the address with the most
 * connections among those that have an idle one. So an address with few connections is kept out neither by the idle ones of
 * others nor by one address whose connections are all in use.
 *
 * A connection whose request has not come whole is idle too. A client can hold many like that at no cost, and a request that is cut
 * off then was not looked at yet.
 * @param refused is called for each connection that is closed because there are too many
 */
export function limitConnections(server: Server, limits: ConnectionLimits, refused: () => void): void {
  /** Sockets by address, then by port, least recently used first. */
  const open = new Map<string, Map<number, Connection>>();
  const { connectionRate } = limits;
  const mayOpen =
    connectionRate === undefined ? () => true : allowances(systemClock, connectionRate, ADDRESSES_MAX);
  let count = 0;
  const close = (socket: Socket): void => {
    refused();
    socket.destroy();
  };
  const forget = (address: string, port: number): void => {
    const own = open.get(address);
    if (own?.delete(port) !== true) return;
    count -= 1;
    if (own.size === 0) open.delete(address);
  };
  /** @returns whether an address with so many connections may have one more */
  const makeRoom = (has: number): boolean => {
    if (count < limits.connections) return true;
    // With one less, two addresses would take the same connection from each other in turn.
    let most = has + 1;
    let replaced: { address: string; port: number; socket: Socket } | undefined;
    for (const [address, own] of open) {
      if (own.size <= most) continue;
      for (const [port, { socket, request }] of own) {
        if (request?.complete === true) continue;
        [most, replaced] = [own.size, { address, port, socket }];
        break;
      }
    }
    if (replaced === undefined) return false;
    forget(replaced.address, replaced.port);
    close(replaced.socket);
    return true;
  };
  // For https too these are TCP connections, before TLS begins.
  server.prependListener("connection", (socket) => {
    const { remoteAddress: address, remotePort: port } = socket;
    // The client reset it before it was accepted. Without its two ends it would be counted and never forgotten.
    if (address === undefined || port === undefined) return void socket.destroy();
    // An earlier one with the same end is gone, though Node does not know it yet. Or it leads to another address of this machine, and
    // would not be counted.
    open.get(address)?.get(port)?.socket.destroy();
    forget(address, port);
    const has = open.get(address)?.size ?? 0;
    if (has >= limits.connectionsPerAddress || !mayOpen(address) || !makeRoom(has)) return close(socket);
    const own = open.get(address) ?? new Map<number, Connection>();
    open.set(address, own.set(port, { socket, request: undefined }));
    count += 1;
    socket.once("close", () => {
      if (own.get(port)?.socket === socket) forget(address, port);
    });
    return undefined;
  });
  server.prependListener("request", (request, response) => {
    // For https this is another socket than the one above, with the same two ends.
    const { remoteAddress: address = "", remotePort: port = 0 } = request.socket;
    const own = open.get(address);
    const connection = own?.get(port);
    if (own === undefined || connection === undefined) return;
    const use = (): void => {
      if (own.get(port) !== connection) return;
      own.delete(port);
      own.set(port, connection);
    };
    connection.request = request;
    use();
    response.once("close", () => {
      connection.request = undefined;
      use();
    });
  });
}
