import { createPrivateKey, X509Certificate } from "node:crypto";
import { normalAddress } from "../../sidecar/kit/address.ts";
import type { KeyPair } from "./certificates.ts";
import type { CaFacts, Span } from "./state.ts";

/** The certificates in a text, each in one canonical form, so that line breaks make no difference. */
export const certificatesIn = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)?.flatMap((pem) => {
    const certificate = certificateOf(pem);
    return certificate === undefined ? [] : [canonical(certificate)];
  }) ?? [];

/** The first certificate of a text, or undefined without one. */
export function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

export const canonical = (certificate: X509Certificate): string => certificate.toString().trim();

export const spanOf = ({ validFromDate, validToDate }: X509Certificate): Span => ({
  notBefore: validFromDate.getTime(),
  notAfter: validToDate.getTime(),
});

/** Facts about a CA's certificate, or undefined if the text is not one. */
export function caFacts(pem: string | undefined): CaFacts | undefined {
  const certificate = pem === undefined ? undefined : certificateOf(pem);
  if (certificate?.ca !== true) return undefined;
  return { ...spanOf(certificate), pem: canonical(certificate) };
}

/** Whether the key belongs to the certificate. An invalid key belongs to none. */
export function isPair({ cert, key }: KeyPair): boolean {
  try {
    return certificateOf(cert)?.checkPrivateKey(createPrivateKey(key)) ?? false;
  } catch {
    // Node's message says nothing of the key, and neither do we.
    return false;
  }
}

/** As {@link isPair}, and the key is of the one kind that we sign with. */
export function canSign(pair: KeyPair): boolean {
  return (
    isPair(pair) && certificateOf(pair.cert)?.publicKey.asymmetricKeyDetails?.namedCurve === "prime256v1"
  );
}

/** Whether a certificate is signed by one of these. */
export function isSignedBy(leaf: X509Certificate, authorities: readonly string[]): boolean {
  return authorities.some((pem) => {
    const authority = certificateOf(pem);
    return authority !== undefined && leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
  });
}

/** The names of a certificate; addresses in the spelling of {@link normalAddress}, which is not OpenSSL's. */
export const namesOf = ({ subjectAltName = "" }: X509Certificate): readonly string[] =>
  subjectAltName.split(", ").flatMap((entry) => {
    const [, kind, name = ""] = /^(DNS|IP Address):(.*)$/.exec(entry) ?? [];
    return kind === undefined ? [] : [normalAddress(name) ?? name];
  });
