import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { closed, listen, type Place } from "./listen.ts";

export interface ImdsStandInOptions extends Place {
  /** The node's role, the last part of the path. */
  readonly role: string;
  /** Asked at every read, as the node's keys change while it runs. */
  readonly keys: () => {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string;
    /** Milliseconds since the epoch. */
    readonly expiresAt: number;
  };
}

export interface ImdsStandIn {
  /** `http://127.0.0.1:<port>`, for `AWS_EC2_METADATA_SERVICE_ENDPOINT` */
  readonly url: string;
  /** `PUT /latest/api/token` and so on, in the order of arrival. */
  readonly requests: readonly string[];
  readonly close: () => Promise<void>;
}

const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const CREDENTIALS = "/latest/meta-data/iam/security-credentials/";

/** A stand-in for EC2's metadata service, version 2 only: a request without a session token of its own gets a 401. */
export async function imdsStandIn(options: ImdsStandInOptions): Promise<ImdsStandIn> {
  const requests: string[] = [];
  const tokens = new Set<string>();
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const [status, body, headers] = answer(request, tokens, options);
    response.writeHead(status, { "Content-Type": "text/plain", ...headers }).end(body);
  });
  const url = await listen(server, options);
  return {
    url,
    requests,
    close: () => closed(server),
  };
}

function answer(
  request: IncomingMessage,
  tokens: Set<string>,
  { role, keys }: ImdsStandInOptions,
): readonly [status: number, body: string, headers?: Readonly<Record<string, string>>] {
  const { method, url, headers } = request;
  if (method === "PUT" && url === "/latest/api/token") {
    const ttl = headers[TTL];
    if (typeof ttl !== "string") return [400, ""];
    const token = randomBytes(32).toString("base64url");
    tokens.add(token);
    // Go and Rust take no token without it.
    return [200, token, { [TTL]: ttl }];
  }
  if (!tokens.has(String(headers["x-aws-ec2-metadata-token"]))) return [401, ""];
  if (method !== "GET") return [405, ""];
  // C++ leaves the last slash out.
  if (url === CREDENTIALS || `${url}/` === CREDENTIALS) return [200, role];
  if (url !== CREDENTIALS + role) return [404, ""];
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = keys();
  const body = {
    Code: "Success",
    LastUpdated: time(Date.now()),
    Type: "AWS-HMAC",
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: time(expiresAt),
  };
  return [200, JSON.stringify(body)];
}

const time = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
