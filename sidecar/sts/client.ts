import { STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import type { Secret } from "../kit/secret.ts";
import { watchAnswers } from "./watch-answers.ts";

/** Where STS is. */
export interface StsEndpoint {
  readonly region: string;
  /** Absent: the region's own endpoint, in the partition's own domain. Never the global one. */
  readonly endpoint: string | undefined;
  /** The region's FIPS 140 endpoint. It goes with no `endpoint`. */
  readonly fips: boolean;
  /** The region's endpoint that has IPv6 addresses too. It goes with no `endpoint`. */
  readonly dualStack: boolean;
  /** PEM certificates that are trusted beside those that Node trusts anyway. */
  readonly ca: string | undefined;
  /** For the whole call, including DNS. Default {@link CALL_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** Replaces the SDK's own HTTP client. */
  readonly requestHandler?: NonNullable<STSClientConfig["requestHandler"]>;
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

/** STS answers in about 100 ms, and the engine tries again. */
export const CALL_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * A client for one call: its sockets and caches need not stay in memory for the hour until the next.
 * @param keys undefined for the one call that goes unsigned
 * @param clocks `offset` corrects the time of the signature, and is set from STS's answer
 */
export async function stsClient(
  where: StsEndpoint & { readonly timeoutMs: number },
  keys: Keys | undefined,
  clocks: { readonly offset: ClockOffset; readonly now: () => number },
): Promise<STSClient> {
  const { region, endpoint, fips, dualStack, ca, timeoutMs } = where;
  const ownClient = {
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: timeoutMs,
    throwOnRequestTimeout: true,
    ...(ca === undefined ? {} : { httpsAgent: { ca: await rootsWith(ca) } }),
  };
  const client = new STSClient({
    region,
    systemClockOffset: clocks.offset.ms,
    // Always set: otherwise the SDK looks for it in variables and files.
    useFipsEndpoint: fips,
    useDualstackEndpoint: dualStack,
    maxAttempts: 1,
    requestHandler: where.requestHandler ?? ownClient,
    customUserAgent: "podrole-sidecar",
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(keys === undefined ? {} : { credentials: revealed(keys) }),
  });
  watchAnswers(client, (date) => {
    clocks.offset.ms = date - clocks.now();
  });
  return client;
}

/**
 * Node's own roots and this one: `ca` alone would replace them, and the endpoint may move to a public certificate. Imported
 * only when needed: an ES module that imports node:tls gets all of its exports, and one of them decodes all roots.
 */
async function rootsWith(ca: string): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...getCACertificates("default"), ca];
}

const revealed = ({ accessKeyId, secretAccessKey, sessionToken }: Keys) => ({
  accessKeyId,
  secretAccessKey: secretAccessKey.reveal(),
  ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
});
