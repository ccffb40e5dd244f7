import type { Server } from "node:http";
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
  busy: number;
  /** Whether it was in use since idle ones were last closed. */
  used: boolean;
}

/**
 * Bounds a server's connections. When there are too many, a new one replaces an idle one of the address with the most, so
 * that an address with few connections is never kept out by one with many.
 * @param refused is called for each connection that is closed because there are too many
 * @returns closes the connections that are idle and were not in use since the last call
 */
export function limitConnections(server: Server, limits: ConnectionLimits, refused: () => void): () => void {
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
    const [address, most] = [...open].reduce((one, other) => (other[1].size > one[1].size ? other : one));
    const [port, idle] = [...most].find(([, { busy }]) => busy === 0) ?? [];
    if (most.size <= has + 1 || port === undefined || idle === undefined) return false;
    forget(address, port);
    close(idle.socket);
    return true;
  };
  // For https too these are TCP connections, before TLS begins.
  server.prependListener("connection", (socket) => {
    const { remoteAddress: address, remotePort: port } = socket;
    // The client reset it before it was accepted. Without its two ends it would be counted and never forgotten.
    if (address === undefined || port === undefined) return void socket.destroy();
    // An earlier one with the same two ends is gone, though Node does not know it yet.
    forget(address, port);
    const has = open.get(address)?.size ?? 0;
    if (has >= limits.connectionsPerAddress || !mayOpen(address) || !makeRoom(has)) return close(socket);
    const own = open.get(address) ?? new Map<number, Connection>();
    open.set(address, own.set(port, { socket, busy: 0, used: true }));
    count += 1;
    socket.once("close", () => {
      if (own.get(port)?.socket === socket) forget(address, port);
    });
    return undefined;
  });
  server.prependListener("request", ({ socket }, response) => {
    // For https this is another object than the one above, with the same two ends.
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const own = open.get(address);
    const connection = own?.get(port);
    if (own === undefined || connection === undefined) return;
    connection.busy += 1;
    response.once("close", () => {
      connection.busy -= 1;
      connection.used = true;
      if (own.get(port) !== connection) return;
      own.delete(port);
      own.set(port, connection);
    });
  });
  return () => {
    const all = [...open.values()].flatMap((own) => [...own.values()]);
    for (const one of all.filter(({ busy }) => busy === 0)) {
      if (one.used) one.used = false;
      else one.socket.destroy();
    }
  };
}
