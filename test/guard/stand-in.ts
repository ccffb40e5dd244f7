/**
 * Stands in for the metadata service in a network namespace of the test's own: the same answer over TCP and UDP, and on
 * another port as well.
 * `node stand-in.ts <secret> <address>...`; prints `ready` once all of it listens.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";

const [secret = "", ...addresses] = process.argv.slice(2);
const answer = `HTTP/1.0 200 OK\r\n\r\n${secret}\r\n\r\n`;

for (const port of [80, 8080]) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answer));
  });
  await once(server.listen(port, "::"), "listening");
}

// One socket for each address: a wildcard socket would answer from the interface's own address.
await Promise.all(
  addresses.map(async (address) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    socket.on("message", (_, from) => socket.send(answer, from.port, from.address));
    await once(socket.bind(80, address), "listening");
  }),
);
process.stdout.write("ready\n");
