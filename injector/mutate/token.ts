import { createHash } from "node:crypto";
import { ENV } from "../../sidecar/contract/env.ts";
import { APP_ENV, CONTAINER } from "../../sidecar/contract/pod.ts";
import { userContainers } from "../model/user-containers.ts";
import { envVar, type Pod } from "../model/pod.ts";
import { sidecarTokenFile } from "../model/identity-volumes.ts";
import { isRecord, own, recordsIn } from "../model/read.ts";
import { inVariable } from "../model/token-mode.ts";
import type { SidecarIntent } from "../decide/intent.ts";
import type { Fresh } from "./fresh.ts";

/** The hash of a token: the sidecar gets only this. */
export const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex");

const TOKEN = /^[\w-]{43}$/;

export const isHash = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** The token in the variable of each identity's containers, by the identity's name; empty if they have only the file. */
export type Tokens = ReadonlyMap<string, string>;

/**
 * The token that an earlier pass gave this identity of the pod: its hash is in the pod's sidecar. A second pass must not
 * change it, or token and hash would differ in a pod that a third webhook had read in between. It must have the form that
 * podrole writes, so that a manifest cannot bring a token that is easily guessed.
 */
export const tokenOf = (pod: Pod, identity: string): string | undefined =>
  tokenWith(pod, hashesIn(pod).get(identity));

const tokenWith = (pod: Pod, hash: string | undefined): string | undefined =>
  hash === undefined ? undefined : tokensIn(pod).find((token) => TOKEN.test(token) && sha256(token) === hash);

/**
 * The hash for the sidecar. Where no container presents the token, the hash of an earlier pass stays: its token is
 * not known, and a new one would change the pod at every pass.
 * @param hash the identity's of an earlier pass, see {@link hashesIn}
 * @param presented whether a container presents `token`
 */
export function tokenHash(pod: Pod, hash: string | undefined, token: string, presented: boolean): string {
  const keep = hash !== undefined && !presented && !tokensIn(pod).some((one) => sha256(one) === hash);
  return keep ? hash : sha256(token);
}

/** An identity in the pod's sidecar, as an earlier pass wrote it. */
interface WrittenIdentity {
  /** Empty if the entry is not as podrole writes it. */
  readonly name: string;
  readonly hash: string | undefined;
  readonly hasFile: boolean;
  /** What its last step leads to. */
  readonly role: unknown;
}

/** In the sidecar's order; none where the variable is not as podrole writes it. */
export function identitiesIn(pod: Pod): readonly WrittenIdentity[] {
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === CONTAINER.sidecar);
  const value = sidecar && envVar(sidecar, ENV.identities)?.value;
  const written: unknown = typeof value === "string" ? parsed(value) : undefined;
  if (!Array.isArray(written)) return [];
  return written.map((one: unknown, index) => {
    const fields = isRecord(one) ? one : {};
    const [name, hash] = [own(fields, "name"), own(fields, "tokenSha256")];
    return {
      name: typeof name === "string" ? name : "",
      hash: isHash(hash) ? hash : undefined,
      hasFile: own(fields, "tokenFile") === sidecarTokenFile(index),
      role: own(recordsIn(fields, "steps").at(-1) ?? {}, "roleArn"),
    };
  });
}

/** Hashes of an earlier pass by the identity's name. */
export const hashesIn = (pod: Pod): ReadonlyMap<string, string> =>
  new Map(
    identitiesIn(pod).flatMap(({ name, hash }): [string, string][] =>
      hash === undefined ? [] : [[name, hash]],
    ),
  );

/** podrole's own text is shorter by far. Parsed, JSON can take 39 times its length: see serve/weight.ts. */
const IDENTITIES_LENGTH_MAX = 256 * 1024;

function parsed(value: string): unknown {
  if (value.length > IDENTITIES_LENGTH_MAX) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/**
 * The text of the sidecar's identities, split at each hash, so that the rest can be compared exactly. Pieces, not a text
 * with placeholders: a manifest could contain the placeholder itself.
 */
export const aroundHashes = (identities: string): readonly string[] =>
  identities.split(/(?<="tokenSha256":")[0-9a-f]{64}(?=")/);

/**
 * Tokens by identity for the variable, if containers get one: those of an earlier pass, and new ones for the rest. No two
 * identities share one.
 */
export function tokensFor(pod: Pod, sidecar: SidecarIntent | undefined, fresh: Fresh): Tokens {
  if (sidecar === undefined || !inVariable(sidecar.token)) return new Map();
  const hashes = hashesIn(pod);
  const tokens = new Map<string, string>();
  for (const { name } of sidecar.identities) {
    const earlier = tokenWith(pod, hashes.get(name));
    const taken = earlier === undefined || [...tokens.values()].includes(earlier);
    tokens.set(name, taken ? fresh.token() : earlier);
  }
  return tokens;
}

const tokensIn = (pod: Pod): readonly string[] =>
  userContainers(pod).flatMap((container) => envVar(container, APP_ENV.token)?.value ?? []);
