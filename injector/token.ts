import { createHash, randomBytes } from "node:crypto";
import { APP_ENV, CONTAINER, ENV } from "../sidecar/contract.ts";
import { userContainers } from "./exposure.ts";
import { envVar, type Pod } from "./pod.ts";

/** What the app's containers present and the sidecar checks: 32 random bytes, base64url. */
export const randomToken = (): string => randomBytes(32).toString("base64url");

/** What the sidecar is given of it. */
export const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex");

const TOKEN = /^[\w-]{43}$/;

export const isHash = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/**
 * The token an earlier pass gave this pod: the one whose hash its sidecar holds. A second pass must not change it, or
 * the two would no longer match in a pod that a third webhook had read in between. It has the form of ours, so that a
 * manifest cannot bring one that is easily guessed.
 */
export function tokenOf(pod: Pod): string | undefined {
  const hash = hashIn(pod);
  return hash === undefined
    ? undefined
    : tokensIn(pod).find((token) => TOKEN.test(token) && sha256(token) === hash);
}

/**
 * The hash for the sidecar. Where no container presents the token, the one of an earlier pass stays: nobody knows which
 * token it belongs to, and a new one would make another pod of it at every pass.
 * @param presented whether a container presents `token`
 */
export function tokenHash(pod: Pod, token: string, presented: boolean): string {
  const hash = hashIn(pod);
  const keep = hash !== undefined && !presented && !tokensIn(pod).some((one) => sha256(one) === hash);
  return keep ? hash : sha256(token);
}

function hashIn(pod: Pod): string | undefined {
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === CONTAINER.sidecar);
  const hash = sidecar && envVar(sidecar, ENV.tokenSha256)?.value;
  return isHash(hash) ? hash : undefined;
}

const tokensIn = (pod: Pod): readonly string[] =>
  userContainers(pod).flatMap((container) => envVar(container, APP_ENV.token)?.value ?? []);
