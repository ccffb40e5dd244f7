import { post } from "../kit/post.ts";
import type { Secret } from "../kit/secret.ts";
import type { Proxy } from "../kit/tunnel.ts";
import { grantedBy, type Granted } from "./answer.ts";
import { formOf } from "./form.ts";
import { actionOf, type RoleRequest } from "./role-request.ts";
import { amzDateOf, authorization } from "./signature.ts";

/** Where STS is. */
export interface StsEndpoint {
  /** The region that calls are signed for. */
  readonly region: string;
  /** An origin, such as `https://sts.eu-west-1.amazonaws.com`. The injector has worked it out. */
  readonly endpoint: string;
  /** PEM certificates that are trusted beside those that Node trusts anyway. */
  readonly ca: string | undefined;
  /** The only way to STS, if there is one. */
  readonly proxy: Proxy | undefined;
}

/** Long-lived or temporary keys to sign a call with. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret;
}

/** How far AWS's clock is ahead of this node's by the last answer: up to a second and the answer's way less than in truth. */
export interface ClockOffset {
  ms: number;
}

export interface Call extends StsEndpoint {
  readonly timeoutMs: number;
  /** `offset` corrects the time of the signature, and is set from STS's answer. */
  readonly offset: ClockOffset;
  readonly now: () => number;
}

/** STS answers in about 100 ms, and the engine tries again. */
export const CALL_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * One call to STS, for a session. There is no client that stays: an hour passes until the next call.
 * @throws CallError, PostError
 */
export async function callSts(request: RoleRequest, call: Call): Promise<Granted> {
  const { endpoint, ca, proxy, timeoutMs, offset, now } = call;
  const body = formOf(request);
  const { caller } = request;
  const answer = await post(
    {
      url: endpoint,
      headers: caller.kind === "keys" ? signedHeaders(body, caller.keys, call) : headersFor(endpoint),
      body,
      timeoutMs,
      connectMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
      ...(ca === undefined ? {} : { ca: await rootsWith(ca) }),
      ...(proxy === undefined ? {} : { proxy }),
    },
    (date) => {
      offset.ms = date - now();
    },
  );
  return grantedBy(answer, actionOf(caller));
}

const headersFor = (endpoint: string): Readonly<Record<string, string>> => ({
  host: new URL(endpoint).host,
  "content-type": "application/x-www-form-urlencoded",
  "user-agent": "podrole-sidecar",
});

function signedHeaders(
  body: string,
  keys: Keys,
  { endpoint, region, offset, now }: Call,
): Readonly<Record<string, string>> {
  const { "user-agent": userAgent = "", ...own } = headersFor(endpoint);
  const headers = {
    ...own,
    "x-amz-date": amzDateOf(now() + offset.ms),
    ...(keys.sessionToken === undefined ? {} : { "x-amz-security-token": keys.sessionToken.reveal() }),
  };
  // A proxy may change the user agent, so it is not signed.
  return {
    ...headers,
    "user-agent": userAgent,
    authorization: authorization({ headers, body }, keys, { region, service: "sts" }),
  };
}

/**
 * Node's own roots and this one: `ca` alone would replace them, and the endpoint may move to a public certificate. Imported
 * only when needed: all roots as text take some MiB.
 */
async function rootsWith(ca: string): Promise<readonly string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...getCACertificates("default"), ca];
}
