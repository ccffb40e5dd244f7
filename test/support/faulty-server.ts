import { randomBytes } from "node:crypto";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Issue } from "../../sidecar/sts/chain.ts";
import { ROLE } from "./credentials.ts";
import { listening } from "./listening.ts";

/** What STS or the broker, or somebody in front of it, can do with one call. */
export const FAULTS = [
  "refused",
  "denied",
  "withdrawn",
  "throttled",
  "internal failure",
  "proxy's 502",
  "proxy's 403",
  "garbage",
  "no document's end",
  "half a body",
  "a body without end",
  "redirect",
  "204",
  "no credentials",
  "empty credentials",
  "a date that is none",
  "expired credentials",
  "another role's credentials",
  "another pod's credentials",
  "no name",
  "closed",
  "reset",
  "silence",
  "a drip",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Granted {
  readonly accessKeyId: string;
  /** By the server's clock, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Whether the answer was for what was asked. */
  readonly ours: boolean;
}

export interface Limits {
  readonly timeoutMs?: number;
}

export interface FaultyServer {
  readonly url: string;
  /** What it does from now on. undefined: what it is there for. */
  fault: Fault | undefined;
  /** The lifetime in seconds. Absent: as the call requests. */
  lifetimeSeconds: number | undefined;
  calls: number;
  readonly granted: ReadonlyMap<string, Granted>;
  /** The sidecar's code that calls it. By default it does not wait long. */
  readonly issuerAt: (now: () => number, limits?: Limits) => Issue;
}

/** One in whose place a faulty server can stand. */
export interface FaultyPlace {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** How many sequences of faults are tried: a call over TLS takes three times as long. */
  readonly sequences: number;
  /** @param now the server's clock */
  readonly open: (now: () => number) => Promise<FaultyServer>;
}

/** What a grant is about. */
export interface Grant {
  readonly lifetimeSeconds: number;
  readonly roleArn: string;
  readonly sessionName: string;
}

/** Another role than any that is asked for. */
export const ANOTHER_ROLE = ROLE.replace(/[^/]+$/, "admin");

type Spoiled = "no credentials" | "empty credentials" | "a date that is none" | "no name";
type Refused = "refused" | "denied" | "withdrawn" | "throttled" | "internal failure";

/** How a place is talked with. */
export interface Wire {
  readonly contentType: string;
  readonly asked: (body: string) => Grant;
  /** The document that grants, in answer to a call with this body. */
  readonly document: (body: string, grant: Grant, accessKeyId: string, expiresAt: number) => string;
  readonly refusals: Readonly<Partial<Record<Refused, readonly [status: number, body: string]>>>;
  /** What the fault makes of such a document. */
  readonly spoil: Readonly<Record<Spoiled, (document: string) => string>>;
  /** With TLS: a certificate and its key. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export async function faultyServer(
  wire: Wire,
  now: () => number,
  issuerAt: (url: string, now: () => number, limits: Limits) => Issue,
): Promise<FaultyServer> {
  const granted = new Map<string, Granted>();
  const connections = new Map<number | undefined, Socket>();
  const made = { fault: undefined, lifetimeSeconds: undefined, calls: 0 } as Pick<
    FaultyServer,
    "fault" | "lifetimeSeconds" | "calls"
  >;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void textOf(request).then((body) => {
      made.calls += 1;
      response.setHeader("Date", new Date(now()).toUTCString());
      response.setHeader("Content-Type", wire.contentType);
      const asked = wire.asked(body);
      const grant = (over: Partial<Grant> = {}): string => {
        const lifetimeSeconds = made.lifetimeSeconds ?? asked.lifetimeSeconds;
        const one = { ...asked, lifetimeSeconds, ...over };
        const expiresAt = Math.floor(now() / 1000 + one.lifetimeSeconds) * 1000;
        const accessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
        const ours = one.roleArn === asked.roleArn && one.sessionName === asked.sessionName;
        granted.set(accessKeyId, { accessKeyId, expiresAt, ours });
        return wire.document(body, one, accessKeyId, expiresAt);
      };
      answer(made.fault, response, wire, grant, connections.get(request.socket.remotePort));
    });
  };
  const server =
    wire.certificate === undefined ? createHttp(listener) : createHttps(wire.certificate, listener);
  server.on("connection", (socket: Socket) => {
    const { remotePort } = socket;
    connections.set(remotePort, socket);
    socket.once("close", () => connections.delete(remotePort));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const scheme = wire.certificate === undefined ? "http" : "https";
  const url = `${scheme}://127.0.0.1:${await listening(server)}`;
  return Object.assign(made, {
    url,
    granted,
    issuerAt: (ours: () => number, limits: Limits = { timeoutMs: 150 }) => issuerAt(url, ours, limits),
  });
}

function answer(
  fault: Fault | undefined,
  to: ServerResponse,
  { refusals, spoil }: Wire,
  grant: (over?: Partial<Grant>) => string,
  connection: Socket | undefined,
): void {
  switch (fault) {
    case undefined:
      return whole(to, grant());
    case "refused":
    case "denied":
    case "withdrawn":
    case "throttled":
    case "internal failure": {
      const [status, body] = refusals[fault] ?? [500, ""];
      return whole(to, body, status);
    }
    case "proxy's 502":
      return whole(to.setHeader("Content-Type", "text/html"), "<html>Bad gateway</html>", 502);
    case "proxy's 403":
      return whole(to.setHeader("Content-Type", "text/html"), "<html>Blocked by policy", 403);
    case "garbage":
      return whole(to, randomBytes(500));
    case "no document's end":
      return whole(to, grant().slice(0, -40));
    case "half a body": {
      const document = grant();
      to.writeHead(200, { "Content-Length": Buffer.byteLength(document) });
      return void to.write(document.slice(0, document.length / 2), () => to.destroy());
    }
    case "a body without end":
      return endless(to, grant());
    case "redirect":
      return whole(to.setHeader("Location", "http://127.0.0.1:9/"), "", 302);
    case "204":
      return void to.writeHead(204).end();
    case "no credentials":
    case "empty credentials":
    case "a date that is none":
    case "no name":
      return whole(to, spoil[fault](grant()));
    case "expired credentials":
      return whole(to, grant({ lifetimeSeconds: -60 }));
    case "another role's credentials":
      return whole(to, grant({ roleArn: ANOTHER_ROLE }));
    case "another pod's credentials":
      return whole(to, grant({ sessionName: "shop.web-0" }));
    case "closed":
      return void connection?.end();
    case "reset":
      return void connection?.resetAndDestroy();
    case "silence":
      return undefined;
    case "a drip":
      return drip(to, grant());
  }
}

/** With the length of the body, without which the broker's client takes no answer. */
const whole = (to: ServerResponse, body: string | Buffer, status = 200): void =>
  void to.writeHead(status, { "Content-Length": Buffer.byteLength(body) }).end(body);

/** Sends as fast as the client reads, until the client stops. */
function endless(to: ServerResponse, document: string): void {
  to.write(document.slice(0, -20));
  const more = (): void => {
    while (!to.destroyed && to.write(" ".repeat(65_536)));
  };
  to.on("drain", more);
  more();
}

/** Sends a byte every 20 ms: a minute for the whole answer. */
function drip(to: ServerResponse, document: string): void {
  let sent = 0;
  to.writeHead(200, { "Content-Length": Buffer.byteLength(document) });
  const timer = setInterval(() => void to.write(document.slice(sent, ++sent)), 20);
  to.once("close", () => clearInterval(timer));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += String(piece);
  return body;
}
