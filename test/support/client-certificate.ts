// First: the library looks for it while it loads.
// oxlint-disable-next-line import/no-unassigned-import
import "reflect-metadata";
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { validFor, type KeyPair } from "../../injector/tls/certificates.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate by which a client shows who it is, signed by the authority. */
export async function clientCertificate(authority: KeyPair): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const signer = PemConverter.decodeFirst(authority.key);
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: ["api-server"] }],
    issuer: new X509Certificate(authority.cert).subjectName,
    ...validFor(1, Date.now()),
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey("pkcs8", signer, ALGORITHM, false, ["sign"]),
    signingAlgorithm: ALGORITHM,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { cert: certificate.toString("pem"), key };
}
