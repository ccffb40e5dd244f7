import { createServer, type AddressInfo } from "node:net";

/** So many ports of loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  // All at once, since a port that is given back may be drawn again.
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
