import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { Secret } from "../../sidecar/kit/secret.ts";
import { stsOver } from "../../sidecar/sts/assume-role.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { ROLE } from "./credentials.ts";

/** What STS, or a proxy in front of it, can do with one call. */
export const FAULTS = [
  "refused",
  "denied",
  "throttled",
  "internal failure",
  "proxy's 502",
  "proxy's 403",
  "garbage",
  "no XML's end",
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
  /** By STS's clock, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Whether the answer was for the requested role and session. */
  readonly ours: boolean;
}

export interface FaultySts {
  readonly url: string;
  /** What it does from now on. undefined: what STS does. */
  fault: Fault | undefined;
  /** The lifetime in seconds. Absent: as the call requests. */
  lifetimeSeconds: number | undefined;
  calls: number;
  readonly granted: ReadonlyMap<string, Granted>;
}

/** @param now STS's clock */
export async function faultySts(now: () => number): Promise<FaultySts> {
  const granted = new Map<string, Granted>();
  const made: FaultySts = { url: "", fault: undefined, lifetimeSeconds: undefined, calls: 0, granted };
  const server = createServer((request, response) => {
    void formOf(request).then((form) => {
      made.calls += 1;
      response.setHeader("Date", new Date(now()).toUTCString());
      response.setHeader("Content-Type", "text/xml");
      const grant = (over: Partial<Grant> = {}): string => {
        const { xml, ...one } = grantXml(form, now(), { lifetimeSeconds: made.lifetimeSeconds, ...over });
        granted.set(one.accessKeyId, one);
        return xml;
      };
      answer(made.fault, response, grant);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return Object.assign(made, {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
  });
}

/** One call by the sidecar's code to this STS. By default it does not wait long. */
export function issuerAt(
  sts: FaultySts,
  now: () => number,
  limits: { readonly timeoutMs?: number } = { timeoutMs: 150 },
): () => Promise<Credentials> {
  const where = { region: "eu-west-1", endpoint: sts.url, ca: undefined, proxy: undefined };
  const assumeRole = stsOver({ ...where, ...limits, now });
  const caller = { kind: "token", token: new Secret("header.payload.signature") } as const;
  const step = { roleArn: ROLE, durationSeconds: 3600 };
  return () => assumeRole({ caller, step, sessionName: "billing.api-0" });
}

function answer(
  fault: Fault | undefined,
  to: ServerResponse,
  grant: (over?: Partial<Grant>) => string,
): void {
  switch (fault) {
    case undefined:
      return void to.end(grant());
    case "refused":
      return void to.writeHead(400).end(errorXml("ValidationError", "1 validation error detected"));
    case "denied":
      return void to.writeHead(403).end(errorXml("AccessDenied", "Not authorized"));
    case "throttled":
      return void to.writeHead(400).end(errorXml("Throttling", "Rate exceeded"));
    case "internal failure":
      return void to.writeHead(500).end(errorXml("InternalFailure", "We are sorry"));
    case "proxy's 502":
      return void to.writeHead(502, { "Content-Type": "text/html" }).end("<html>Bad gateway</html>");
    case "proxy's 403":
      return void to.writeHead(403, { "Content-Type": "text/html" }).end("<html>Blocked by policy");
    case "garbage":
      return void to.end(randomBytes(500));
    case "no XML's end":
      return void to.end(grant().slice(0, -40));
    case "half a body": {
      const xml = grant();
      to.writeHead(200, { "Content-Length": Buffer.byteLength(xml) });
      return void to.write(xml.slice(0, xml.length / 2), () => to.destroy());
    }
    case "a body without end":
      return endless(to, grant());
    case "redirect":
      return void to.writeHead(302, { Location: "http://127.0.0.1:9/" }).end();
    case "204":
      return void to.writeHead(204).end();
    case "no credentials":
      return void to.end(grant().replace(/<Credentials>.*<\/Credentials>/, ""));
    case "empty credentials":
      return void to.end(grant().replace(/<SecretAccessKey>[^<]*/, "<SecretAccessKey>"));
    case "a date that is none":
      return void to.end(grant().replace(/<Expiration>[^<]*/, "<Expiration>tomorrow"));
    case "expired credentials":
      return void to.end(grant({ lifetimeSeconds: -60 }));
    case "another role's credentials":
      return void to.end(grant({ roleArn: ROLE.replace(/[^/]+$/, "admin") }));
    case "another pod's credentials":
      return void to.end(grant({ sessionName: "shop.web-0" }));
    case "no name":
      return void to.end(grant().replace(/<AssumedRoleUser>.*<\/AssumedRoleUser>/, ""));
    case "closed":
      return void to.socket?.end();
    case "reset":
      return void to.socket?.resetAndDestroy();
    case "silence":
      return undefined;
    case "a drip":
      return drip(to, grant());
  }
}

/** Sends as fast as the client reads, until the client stops. */
function endless(to: ServerResponse, xml: string): void {
  to.write(xml.slice(0, -20));
  const more = (): void => {
    while (!to.destroyed && to.write(" ".repeat(65_536)));
  };
  to.on("drain", more);
  more();
}

/** Sends a byte every 20 ms: a minute for the whole answer. */
function drip(to: ServerResponse, xml: string): void {
  let sent = 0;
  const timer = setInterval(() => void to.write(xml.slice(sent, ++sent)), 20);
  to.once("close", () => clearInterval(timer));
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += String(piece);
  return new URLSearchParams(body);
}

interface Grant {
  readonly lifetimeSeconds: number | undefined;
  readonly roleArn: string;
  readonly sessionName: string;
}

function grantXml(
  form: URLSearchParams,
  now: number,
  over: Partial<Grant>,
): Granted & { readonly xml: string } {
  const asked = { roleArn: form.get("RoleArn") ?? "", sessionName: form.get("RoleSessionName") ?? "" };
  const { roleArn = asked.roleArn, sessionName = asked.sessionName } = over;
  const seconds = over.lifetimeSeconds ?? Number(form.get("DurationSeconds"));
  const expiresAt = Math.floor(now / 1000 + seconds) * 1000;
  const accessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
  const action = form.get("Action") ?? "";
  const arn = `${roleArn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}/${sessionName}`;
  const xml =
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
    `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${randomBytes(30).toString("hex")}</SecretAccessKey>` +
    `<SessionToken>${randomBytes(200).toString("hex")}</SessionToken><Expiration>${new Date(expiresAt).toISOString()}</Expiration></Credentials>` +
    `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>` +
    `</${action}Result></${action}Response>`;
  const ours = roleArn === asked.roleArn && sessionName === asked.sessionName;
  return { accessKeyId, expiresAt, ours, xml };
}

const errorXml = (code: string, message: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
  `<Message>${message}</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>`;
