import type { Server } from "node:http";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  /**
   * A connection that has been used costs some 70 kB (measured). An API server opens as many as it has writes in flight,
   * 200 by default.
   */
  readonly connections: number;
  /** Of one address, so that a single pod that opens connections for fun leaves room for the API servers. */
  readonly connectionsPerAddress: number;
}

interface Connection {
  readonly socket: Socket;
  busy: number;
}

/**
 * Bounds a server's connections. Where there are too many, a new one takes the place of one that waits, of the address
 * that has most: nobody who has few is kept out by those who have many.
 * @param refused told of each connection that is closed for it
 */
export function limitConnections(server: Server, limits: ConnectionLimits, refused: () => void): void {
  /** By address and port, those of an address in the order in which they have last been used. */
  const open = new Map<string, Map<number, Connection>>();
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
  /** @returns whether there is room for one more of an address that has so many */
  const makeRoom = (has: number): boolean => {
    if (count < limits.connections) return true;
    const [address, most] = [...open].reduce((one, other) => (other[1].size > one[1].size ? other : one));
    const [port, idle] = [...most].find(([, { busy }]) => busy === 0) ?? [];
    if (most.size <= has + 1 || port === undefined || idle === undefined) return false;
    forget(address, port);
    close(idle.socket);
    return true;
  };
  // Of https too these are the TCP connections, before anything is known of TLS.
  server.prependListener("connection", (socket) => {
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const has = open.get(address)?.size ?? 0;
    if (has >= limits.connectionsPerAddress || !makeRoom(has)) return close(socket);
    const own = open.get(address) ?? new Map<number, Connection>();
    open.set(address, own.set(port, { socket, busy: 0 }));
    count += 1;
    socket.once("close", () => {
      if (own.get(port)?.socket === socket) forget(address, port);
    });
    return undefined;
  });
  server.prependListener("request", ({ socket }, response) => {
    // Of https, another object than the one above, with the same two ends.
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const own = open.get(address);
    const connection = own?.get(port);
    if (own === undefined || connection === undefined) return;
    connection.busy += 1;
    response.once("close", () => {
      connection.busy -= 1;
      if (own.delete(port)) own.set(port, connection);
    });
  });
}
