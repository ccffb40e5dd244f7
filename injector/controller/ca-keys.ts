import { own, metadataOf, stringMap, type Fields } from "../model/read.ts";
import type { KeyPair } from "../tls/certificates.ts";
import { certificateOf } from "../tls/pem.ts";
import { readSecret, type ReadSecret } from "../tls/secret.ts";
import { secretOf, type Stored } from "../tls/stored.ts";
import { putSecret, type CertificatesApi, type Places } from "./objects.ts";

/**
 * The keys of CAs, in a Secret that only the controller reads: whoever has an injector's token could otherwise sign
 * certificates that API servers trust for a year. The injector's Secret has the certificates, and decides which CA is which.
 */
export interface KeptSecrets {
  /** What the injector reads. */
  readonly secret: ReadSecret;
  readonly keys: Fields | undefined;
  /** Both together. */
  readonly stored: Stored;
}

const isKeyName = (name: string): boolean => /^[0-9a-f]{64}\.key$/.test(name);

/** By its certificate, so that a key that was written before its certificate is not taken for another's. */
function keyName({ cert }: KeyPair): string | undefined {
  const fingerprint = certificateOf(cert)?.fingerprint256;
  return fingerprint && `${fingerprint.replaceAll(":", "").toLowerCase()}.key`;
}

/** @throws CodedError of trouble.ts */
export async function readKept(
  api: CertificatesApi,
  places: Places,
  signal: AbortSignal,
): Promise<KeptSecrets> {
  const { object: keys } = await readSecret(api, { ...places, secret: places.keys }, "write", signal);
  const secret = await readSecret(api, places, "write", signal);
  const held = stringMap(keys && own(keys, "data"));
  const whole = (pair: KeyPair): KeyPair => {
    const kept = held[keyName(pair) ?? ""];
    // 0.1.0 kept the key beside the certificate.
    return pair.key !== "" || kept === undefined
      ? pair
      : { ...pair, key: Buffer.from(kept, "base64").toString() };
  };
  return { secret, keys, stored: eachCa(secret.stored, whole) };
}

/**
 * The keys first: a certificate whose key was not written would be a CA that can never sign.
 * @returns false where somebody else has written meanwhile: all is to be read again
 * @throws CodedError of trouble.ts
 */
export async function writeKept(
  api: CertificatesApi,
  places: Places,
  before: KeptSecrets,
  stored: Stored,
  signal: AbortSignal,
): Promise<boolean> {
  const data = stringMap(before.keys && own(before.keys, "data"));
  const wanted = { ...others(data), ...keysOf(before.stored), ...keysOf(stored) };
  if (!sameMap(data, wanted)) {
    const object = {
      ...before.keys,
      apiVersion: "v1",
      kind: "Secret",
      type: (before.keys && own(before.keys, "type")) ?? "Opaque",
      metadata: { ...metadataOf(before.keys ?? {}), name: places.keys, namespace: places.namespace },
      data: wanted,
    };
    const isWritten = await putSecret(api, { ...places, secret: places.keys }, before.keys, object, signal);
    if (!isWritten) return false;
  }
  const { object } = before.secret;
  const shown = secretOf(eachCa(stored, hidden), places.secret, places.namespace, object);
  return putSecret(api, places, object, shown, signal);
}

/** Whether keys of CAs stand where the injector reads, or are kept of CAs that are none any more. */
export const isUntidy = ({ secret, keys, stored }: KeptSecrets): boolean => {
  const { ca, next } = secret.stored;
  const [data, wanted] = [stringMap(keys && own(keys, "data")), keysOf(stored)];
  return (
    [ca, next].some((pair) => pair !== undefined && pair.key !== "") ||
    Object.keys(data).some((name) => isKeyName(name) && !Object.hasOwn(wanted, name))
  );
};

const hidden = ({ cert }: KeyPair): KeyPair => ({ cert, key: "" });

const eachCa = ({ ca, next, ...rest }: Stored, change: (pair: KeyPair) => KeyPair): Stored => ({
  ...rest,
  ...(ca === undefined ? {} : { ca: change(ca) }),
  ...(next === undefined ? {} : { next: change(next) }),
});

/** As `data` of a Secret. */
const keysOf = ({ ca, next }: Stored): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [ca, next].flatMap((pair) => {
      const name = pair && keyName(pair);
      return pair === undefined || name === undefined || pair.key === ""
        ? []
        : [[name, Buffer.from(pair.key).toString("base64")]];
    }),
  );

/** What somebody else has put there. */
const others = (data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).filter(([name]) => !isKeyName(name)));

const sameMap = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([key, value]) => other[key] === value);
