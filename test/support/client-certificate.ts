import type { webcrypto } from "node:crypto";
// First: the library looks for it while it loads.
// oxlint-disable-next-line import/no-unassigned-import
import "reflect-metadata";
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { validFor, type KeyPair } from "../../injector/tls/certificates.ts";

const SUBJECT = [{ CN: ["api-server"] }];
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate by which a client shows who it is, signed by the authority. @param addresses that it also names */
export const clientCertificate = (authority: KeyPair, addresses: readonly string[] = []): Promise<KeyPair> =>
  certificate(ExtendedKeyUsage.clientAuth, addresses, authority);

/** A server's certificate that no authority has signed. */
export const selfSignedCertificate = (addresses: readonly string[]): Promise<KeyPair> =>
  certificate(ExtendedKeyUsage.serverAuth, addresses);

async function certificate(
  usage: ExtendedKeyUsage,
  addresses: readonly string[],
  authority?: KeyPair,
): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const made = await X509CertificateGenerator.create({
    subject: SUBJECT,
    issuer: authority === undefined ? SUBJECT : new X509Certificate(authority.cert).subjectName,
    ...validFor(1, Date.now()),
    publicKey: keys.publicKey,
    signingKey: authority === undefined ? keys.privateKey : await keyOf(authority),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new ExtendedKeyUsageExtension([usage]),
      ...(addresses.length === 0
        ? []
        : [new SubjectAlternativeNameExtension(addresses.map((value) => ({ type: "ip", value })))]),
    ],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { cert: made.toString("pem"), key };
}

const keyOf = ({ key }: KeyPair): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(key), ALGORITHM, false, ["sign"]);
