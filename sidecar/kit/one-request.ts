import { createServer, type Server, type Socket } from "node:net";
import { answerText, type WireAnswer, type WireRequest } from "./http-message.ts";
import { headReader } from "./request-head.ts";

/** Far above what one pod opens, far below what its memory limit holds. */
const CONNECTIONS_MAX = 1024;
/** How many of them may wait for their request. A whole backlog of new ones fits in. */
export const WAITING_MAX = 512;
/** For the request, and then for the answer. An SDK's request arrives at once. */
const LATE_MS = 5000;
/** How much may be read of a connection, together with what its last read brings. */
const BYTES_MAX = 64 * 1024;

export interface OneRequestServer extends Server {
  /** Ends every connection at once, answered or not. */
  readonly closeAllConnections: () => void;
}

/**
 * An HTTP/1 server that takes one request from each connection, answers it and closes the connection, whatever the client
 * asks for. It reads no body and nothing else behind a request's headers, so there is no second request that a client
 * could send before it has read its answer, and none that could be hidden in the first.
 *
 * Not node:http: it parses everything of the 64 KiB that it reads at once, and offers no way to stop it. A thousand
 * connections with 2,600 requests each fill the heap, also where each answer says `Connection: close`.
 * @param answerTo never rejects
 * @param onAnswer is called with the status of each of its answers
 */
export function oneRequestServer(
  answerTo: (request: WireRequest) => Promise<WireAnswer>,
  onAnswer: (status: number) => void = () => undefined,
): OneRequestServer {
  const open = new Set<Socket>();
  const waiting = new Set<Socket>();
  /** A new connection always gets in; if too many wait, the one that has waited longest is closed. */
  const enter = (socket: Socket): void => {
    open.add(socket);
    waiting.add(socket);
    const [first] = waiting;
    if (waiting.size > WAITING_MAX) first?.destroy();
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const read = headReader();
    let isWaiting = true;
    const send = (text: string): void => {
      if (socket.destroyed) return;
      socket.write(text);
      socket.destroySoon();
    };
    const refuse = (status: number): void => {
      isWaiting = false;
      waiting.delete(socket);
      send(answerText("", { status, headers: { "Content-Length": "0" }, body: "" }));
    };
    const late = setTimeout(() => (isWaiting ? refuse(408) : socket.destroy()), LATE_MS);
    const take = (bytes: Buffer): void => {
      if (!isWaiting) {
        if (socket.bytesRead > BYTES_MAX) socket.destroy();
        return;
      }
      const head = read(bytes);
      if (head === undefined) return;
      if (typeof head === "number") return refuse(head);
      isWaiting = false;
      waiting.delete(socket);
      late.refresh();
      void answerTo(head).then((answer) => {
        onAnswer(answer.status);
        send(answerText(head.method, answer));
      });
    };
    enter(socket);
    socket
      .on("data", (bytes: Buffer) => {
        take(bytes);
        release(bytes);
      })
      .once("end", () => isWaiting && refuse(400))
      .on("error", () => undefined)
      .once("close", () => {
        clearTimeout(late);
        open.delete(socket);
        waiting.delete(socket);
      });
  });
  server.maxConnections = CONNECTIONS_MAX;
  return Object.assign(server, { closeAllConnections: () => open.forEach((socket) => socket.destroy()) });
}

/**
 * Gives a large piece of memory back at once. The garbage collector sees only the small object that it belongs to, and a
 * thousand clients that send 64 KiB each would take 64 MiB before it runs.
 */
function release({ buffer, byteLength }: Buffer): void {
  const isWhole = byteLength === buffer.byteLength && byteLength > 16 * 1024;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
