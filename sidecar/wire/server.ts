import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { LOOPBACK } from "../contract/pod.ts";
import { coded, CodedError, systemCode } from "../kit/errors.ts";
import { limitedServer } from "./limited-server.ts";
import { answer, type WireDeps } from "./answers.ts";
import type { Headers, WireAnswer, WireRequest } from "./message.ts";

export interface ServerDeps extends WireDeps {
  readonly onAnswer?: (status: number) => void;
}

/** The credentials endpoint on a socket. */
export const credentialServer = ({ onAnswer, ...deps }: ServerDeps): Server =>
  endpointServer((request) => answer(request, deps), onAnswer);

/**
 * Serves an endpoint, a function that never rejects, on a socket. node:http and no framework: there is one route, and
 * every pod pays for the memory.
 */
export function endpointServer(
  answerTo: (request: WireRequest) => Promise<WireAnswer>,
  onAnswer?: (status: number) => void,
): Server {
  const server = limitedServer((request, response) => {
    const { method = "", url = "", headersDistinct } = request;
    void answerTo({ method, path: url, headers: headersOf(headersDistinct) }).then((answered) => {
      onAnswer?.(answered.status);
      send(request, response, answered);
    });
  });
  // Without this, Node asks the client to send a body that nobody reads.
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  return server;
}

/** Not `request.headers`: when Host or Authorization comes twice, Node keeps the first there and drops the other. */
const headersOf = (distinct: NodeJS.Dict<string[]>): Headers =>
  Object.fromEntries(
    Object.entries(distinct).map(([name, values = []]) => [name, values.length === 1 ? values[0] : values]),
  );

export function send(request: IncomingMessage, response: ServerResponse, answered: WireAnswer): void {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  const hasBody = encoding !== undefined || (length !== undefined && length !== "0");
  if (hasBody) {
    // The body is not read, so nothing after it on this connection can be understood.
    response.shouldKeepAlive = false;
    response.once("finish", () => request.destroy());
  }
  response.writeHead(answered.status, answered.headers).end(answered.body);
}

/**
 * @returns the port in use: the one asked for, unless that was 0
 * @throws CodedError `PORT_IN_USE`, or `LISTEN_FAILED` with Node's own code in the message
 */
export async function listen(server: Server, port: number, host: string = LOOPBACK): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port)));
    server.listen({ port, host }, () => {
      server.removeAllListeners("error");
      server.on("error", () => undefined);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function listenError(error: Error, port: number): CodedError {
  const code = systemCode(error);
  if (code === "EADDRINUSE") {
    return new CodedError("PORT_IN_USE", `Port ${port} is already used by another program of the pod.`, {
      remedy: `Let that program listen on another port: the sidecar needs port ${port}.`,
    });
  }
  return new CodedError(
    "LISTEN_FAILED",
    `The sidecar cannot listen on port ${port}: ${code ?? coded(error).message}.`,
    { cause: error },
  );
}

/** Whether {@link listen} failed because the kernel was built or started without IPv6. */
export function lacksAddressFamily(error: unknown): boolean {
  const cause = error instanceof CodedError ? error.cause : undefined;
  return ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(systemCode(cause) ?? "");
}

/** At once: an idle keep-alive connection could delay a graceful close for as long as its client likes. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
