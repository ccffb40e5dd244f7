import type { Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Opens connections that send these bytes and read nothing, until the test ends. */
export function flood(count: number, open: () => Socket, bytes: string): void {
  const sockets = Array.from({ length: count }, () => {
    const socket = open();
    socket.on("error", () => undefined).pause();
    socket.write(bytes, "latin1");
    return socket;
  });
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
}
