import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { rounds, type Rounds } from "./rounds.ts";

/**
 * Requests of one address in a round of the event loop. More would keep new connections of others waiting, of which Node accepts one in a
 * round. Fewer would keep a short review of an API server waiting for long ones of the same, of which one comes in a round.
 */
const AT_ONCE = 8;

/** Lies between a connection and Node's parser. */
interface Gate {
  readonly connection: Socket;
  /** Takes the request that the parser has read, unless it is one too many. @returns whether it is to be handled */
  readonly admit: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly closeIdle: (which: Idle) => void;
}

/** All idle connections, or only those on which nothing has come since the last time. */
type Idle = "all" | "unused";

const gates = new WeakMap<object, Gate>();

/** The connection on which a request came, with TLS where the server speaks it. */
export const connectionOf = ({ socket }: IncomingMessage): Socket => gates.get(socket)?.connection ?? socket;

/**
 * Lets Node parse one request of a connection at a time, and closes a connection that sends another request before it was
 * answered; API servers wait. By itself Node parses all that it has read at once, which may be hundreds of requests, with
 * objects for each: a few hundred connections that pipeline fill the heap, even if each is closed at its second request,
 * because Node goes on parsing what it has read from a closed connection.
 * @param event what the server emits for connections that are ready to be read
 * @param handle the listener for its requests
 * @returns closes connections that are idle. One whose request has come and waits for its round is not, though Node knows nothing of it;
 * one is whose request's head has not come whole
 */
export function oneAtATime(
  server: Server,
  event: "connection" | "secureConnection",
  handle: RequestListener,
): (which: Idle) => void {
  const [parse] = server.listeners(event);
  if (parse === undefined) throw new Error(`The server does not listen to its own event ${event}.`);
  server.removeAllListeners(event);
  const turns = rounds(AT_ONCE);
  const open = new Set<Duplex>();
  server.on(event, (connection: Socket) => {
    if (connection.destroyed) return;
    const gate = gated(connection, turns);
    open.add(gate);
    gate.once("close", () => open.delete(gate));
    Reflect.apply(parse, server, [gate]);
  });
  server.on("request", (request, response) => {
    if (gates.get(request.socket)?.admit(request, response) !== true) return;
    if (request.headers["transfer-encoding"] === undefined) handle(request, response);
    else refuseUnknownLength(response);
  });
  return (which) => {
    for (const gate of open) gates.get(gate)?.closeIdle(which);
  };
}

/** The gate passes no body whose end it does not know. API servers always state the length. */
function refuseUnknownLength(response: ServerResponse): void {
  const message = "Send the body with a Content-Length, as API servers do.";
  const body = JSON.stringify({ code: "LENGTH_REQUIRED", message });
  response.writeHead(411, { "content-type": "application/json", connection: "close" }).end(body);
}

const END = "\r\n\r\n";
/** What TLS gives at once. Of a connection that waits for memory, no more than a few of them are kept. */
const TLS_RECORD = 16 * 1024;
const NONE: Buffer = Buffer.alloc(0);

/** The same connection for Node's parser, which is passed the bytes of one request and no more until it was answered. */
function gated(connection: Socket, turns: Rounds): Duplex {
  const { remoteAddress, remotePort } = connection;
  /** What was read and not passed yet: less than one read of Node's, because then no more is read. */
  let rest = NONE;
  /** The last bytes that were passed, if they may be the beginning of a head's end. */
  let tail = NONE;
  /** How much of the present request's body has not come yet. */
  let body = 0;
  /** Whether a head was passed whose request is not answered yet. */
  let isBusy = false;
  /** Of the next request, to begin. */
  let turn: "none" | "asked" | "come" = "none";
  let answer: ServerResponse | undefined;
  /** Whether nothing has come since idle connections were last closed. */
  let isUnused = false;

  /** How many bytes of the rest may pass now. */
  const mayPass = (): number => {
    if (body > 0) {
      const length = Math.min(body, rest.length);
      body -= length;
      return length;
    }
    if (isBusy) {
      // The client may have read an answer before Node knows that it was sent.
      if (answer !== undefined && !answer.writableEnded) gate.destroy();
      return 0;
    }
    const bytes = tail.length === 0 ? rest : Buffer.concat([tail, rest]);
    const end = bytes.indexOf(END);
    isBusy = end !== -1;
    const length = isBusy ? end + END.length - tail.length : rest.length;
    tail = isBusy ? NONE : bytes.subarray(1 - END.length);
    return length;
  };
  const isAllowed = (): boolean => {
    if (body > 0 || isBusy) return true;
    if (turn === "none") turn = turns.enter(remoteAddress ?? "", begin) ? "come" : "asked";
    return turn === "come";
  };
  const begin = (): void => {
    turn = "come";
    pass();
  };
  const pass = (): void => {
    while (rest.length > 0 && !gate.destroyed) {
      if (!isAllowed()) return void connection.pause();
      const length = mayPass();
      const piece = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (length === 0 || !gate.push(piece)) return void connection.pause();
    }
    connection.resume();
    return undefined;
  };

  const gate = new Duplex({
    decodeStrings: false,
    // Requests take it over for their bodies.
    readableHighWaterMark: TLS_RECORD,
    read: pass,
    write: (chunk: Buffer | string, encoding, done) => void connection.write(chunk, encoding, done),
    writev: (chunks, done) => {
      connection.cork();
      chunks.forEach(({ chunk, encoding }, index) =>
        connection.write(chunk as Buffer | string, encoding, index === chunks.length - 1 ? done : undefined),
      );
      connection.uncork();
    },
    final: (done) => void connection.end(done),
    destroy: (error, done) => {
      connection.destroy();
      done(error);
    },
  });
  gates.set(gate, {
    connection,
    admit: (request, response) => {
      if (answer !== undefined) {
        gate.destroy();
        return false;
      }
      answer = response;
      body = Number(request.headers["content-length"] ?? 0);
      response.once("close", () => {
        isBusy = false;
        turn = "none";
        answer = undefined;
        pass();
      });
      return true;
    },
    closeIdle: (which) => {
      if (isBusy || turn === "asked") return;
      if (isUnused || which === "all") gate.destroy();
      isUnused = true;
    },
  });
  connection
    .on("data", (bytes: Buffer) => {
      isUnused = false;
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      pass();
    })
    .on("end", () => gate.push(null))
    .on("timeout", () => gate.emit("timeout"))
    .on("error", (error) => gate.destroy(error))
    .on("close", () => gate.destroy());
  // What Node's HTTP server uses of a socket, and what we do.
  return Object.assign(gate, {
    remoteAddress,
    remotePort,
    setTimeout: (ms: number) => (connection.setTimeout(ms), gate),
    destroySoon: () => gate.end(() => gate.destroy()),
  });
}
