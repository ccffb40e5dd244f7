import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { servingCertificate, validFor, type KeyPair } from "../../injector/tls/certificates.ts";
import { listening } from "./listening.ts";

export interface ConnectProxy {
  readonly origin: string;
  /** What it was asked to connect to, in the order of the requests, with their headers. */
  readonly asked: readonly { readonly to: string; readonly headers: IncomingMessage["headers"] }[];
}

interface Options {
  /** Its certificate's, if it speaks TLS. */
  readonly authority?: KeyPair;
  readonly names?: readonly string[];
  /** `user:password` that it asks for. */
  readonly credentials?: string;
  /** Where it connects to instead of the host that it is asked for, as `host:port`. */
  readonly instead?: string;
  /** Answers in its own way. @returns whether it has */
  readonly answer?: (socket: Socket) => boolean;
}

/** An HTTP proxy that only knows CONNECT, until the test ends. */
export async function connectProxy(options: Options = {}): Promise<ConnectProxy> {
  const { authority, names = ["127.0.0.1"], credentials, instead, answer } = options;
  const asked: { to: string; headers: IncomingMessage["headers"] }[] = [];
  const server =
    authority === undefined
      ? createHttp()
      : createHttps(await servingCertificate(authority, names, validFor(1, Date.now())));
  const sockets = new Set<Socket>();
  const kept = (socket: Socket): Socket => {
    sockets.add(socket.on("error", () => {}));
    return socket;
  };
  server.on("connect", (request: IncomingMessage, client: Socket, head: Buffer) => {
    kept(client);
    const to = request.url ?? "";
    asked.push({ to, headers: request.headers });
    if (answer?.(client) === true) return void client.on("end", () => client.destroy()).resume();
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (request.headers["proxy-authorization"] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n');
      return;
    }
    const [host = "", port = ""] = (instead ?? to).split(/:(?=\d+$)/);
    const onward = kept(connect(Number(port), host));
    onward.once("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    onward.once("connect", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      client.pipe(onward).pipe(client);
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const scheme = authority === undefined ? "http" : "https";
  return { origin: `${scheme}://127.0.0.1:${await listening(server)}`, asked };
}
