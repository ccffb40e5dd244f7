import { connect, createServer, type AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A Service as clients see it: one address, and each connection stays with one endpoint. */
export interface TcpService {
  readonly port: number;
  /** Ports of 127.0.0.1 for new connections. Open connections keep their endpoint, as with kube-proxy. */
  endpoints: readonly number[];
  /** How many connections an endpoint has. */
  open(port: number): number;
}

/** @param onEnd takes what closes it; by default it ends with the test */
export async function tcpService(onEnd: (close: () => void) => void = onTestFinished): Promise<TcpService> {
  let turn = 0;
  const open = new Map<number, number>();
  const count = (port: number, more: number): void => void open.set(port, (open.get(port) ?? 0) + more);
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const endpoint = service.endpoints[(turn += 1) % service.endpoints.length];
    if (endpoint === undefined) return client.resetAndDestroy();
    const replica = connect({ host: "127.0.0.1", port: endpoint, allowHalfOpen: true });
    client.pipe(replica).pipe(client);
    count(endpoint, 1);
    replica.once("close", () => count(endpoint, -1));
    client.on("error", () => replica.destroy());
    replica.on("error", () => client.resetAndDestroy());
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onEnd(() => void server.close());
  const service: TcpService = {
    port: (server.address() as AddressInfo).port,
    endpoints: [],
    open: (port) => open.get(port) ?? 0,
  };
  return service;
}
