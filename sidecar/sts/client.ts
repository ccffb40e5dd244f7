import type { SecureContext } from "node:tls";
import { post, type Answer } from "../kit/post.ts";
import type { Secret } from "../kit/secret.ts";
import type { Proxy } from "../kit/tunnel.ts";
import { callerArnBy, grantedBy, type Granted } from "./answer.ts";
import { callerIdentityForm, formOf } from "./form.ts";
import { actionOf, type Caller, type RoleRequest } from "./role-request.ts";
import { amzDateOf, authorization } from "./signature.ts";

/** Where STS is. */
export interface StsEndpoint {
  /** The region that calls are signed for. */
  readonly region: string;
  /** An origin, such as `https://sts.eu-west-1.amazonaws.com`. The injector has worked it out. */
  readonly endpoint: string;
  /** PEM certificates that are trusted beside those that Node trusts anyway; or what {@link trustWith} makes of them. */
  readonly ca: string | SecureContext | undefined;
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
  /** Default: the sidecar's. */
  readonly userAgent?: string;
}

/** STS answers in about 100 ms, and the engine tries again. */
export const CALL_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Asks who the owner of these keys is. No policy can forbid that.
 * @returns an ARN
 * @throws CallError
 */
export const askCallerArn = async (keys: Keys, call: Call): Promise<string> =>
  callerArnBy(await send(callerIdentityForm(), { kind: "keys", keys }, call));

/**
 * One call to STS, for a session. There is no client that stays: an hour passes until the next call.
 * @throws CallError, PostError
 */
export const callSts = async (request: RoleRequest, call: Call): Promise<Granted> =>
  grantedBy(await send(formOf(request), request.caller, call), actionOf(request.caller));

async function send(body: string, caller: Caller, call: Call): Promise<Answer> {
  const { endpoint, ca, proxy, timeoutMs, offset, now } = call;
  return post(
    {
      url: endpoint,
      headers: caller.kind === "keys" ? signedHeaders(body, caller.keys, call) : headersFor(call),
      body,
      timeoutMs,
      connectMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
      ...(ca === undefined ? {} : { ca: typeof ca === "string" ? await rootsWith(ca) : ca }),
      ...(proxy === undefined ? {} : { proxy }),
    },
    (date) => {
      offset.ms = date - now();
    },
  );
}

const headersFor = ({
  endpoint,
  userAgent = "podrole-sidecar",
}: Pick<Call, "endpoint" | "userAgent">): Readonly<Record<string, string>> => ({
  host: new URL(endpoint).host,
  "content-type": "application/x-www-form-urlencoded",
  "user-agent": userAgent,
});

function signedHeaders(body: string, keys: Keys, call: Call): Readonly<Record<string, string>> {
  const { region, offset, now } = call;
  const { "user-agent": userAgent = "", ...own } = headersFor(call);
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

/** For a program that calls often. */
export async function trustWith(ca: string): Promise<SecureContext> {
  const { createSecureContext } = await import("node:tls");
  return createSecureContext({ ca: [...(await rootsWith(ca))] });
}
