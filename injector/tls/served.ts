import type { X509Certificate } from "node:crypto";
import type { KeyPair } from "./certificates.ts";
import type { Trouble } from "../model/trouble.ts";
import { certificateOf, isPair, isSignedBy, spanOf } from "./pem.ts";
import { inAll, validAt } from "./plan.ts";

/** The certificate that the listener goes by, and whether API servers take it. */
export interface Served {
  /**
   * Serves it from now on, for new connections. The one that is served already changes nothing.
   * @returns whether this was another one
   * @throws Error where it cannot be served; what was served before goes on
   */
  use(pair: KeyPair): boolean;
  /** What the webhook configurations trust, as last read; undefined: there is none, or none could be read yet. */
  trust(bundles: readonly (readonly string[])[] | undefined): void;
  /** Whether all of that holds a CA's certificate, in canonical PEM. */
  trusted(ca: string | undefined): boolean;
  /** Why API servers would not take the certificate, or undefined. */
  trouble(): Trouble | undefined;
  /** The end of what is served, in milliseconds since the epoch; undefined: nothing is. */
  notAfter(): number | undefined;
}

export interface ServedDeps {
  readonly now: () => number;
  /** Hands it to the listener. @throws Error where OpenSSL takes it for no pair */
  readonly apply: (pair: KeyPair) => void;
  /** Whether readiness asks for a caBundle that trusts it. With files, somebody else looks after that. */
  readonly bundled: boolean;
}

export function served({ now, apply, bundled }: ServedDeps): Served {
  let current: { readonly pair: KeyPair; readonly leaf: X509Certificate } | undefined;
  let trusted: readonly (readonly string[])[] | undefined;
  // Not at every question: anybody may ask for readiness, and signatures cost.
  let signed = false;
  const compare = (): void => {
    const leaf = current?.leaf;
    signed = leaf !== undefined && (trusted?.every((bundle) => isSignedBy(leaf, bundle)) ?? false);
  };
  return {
    use: (pair) => {
      if (current?.pair.cert === pair.cert && current.pair.key === pair.key) return false;
      const leaf = certificateOf(pair.cert);
      if (leaf === undefined || !isPair(pair)) throw new Error("certificate and key are no pair");
      apply(pair);
      current = { pair, leaf };
      compare();
      return true;
    },
    trust: (bundles) => {
      trusted = bundles;
      compare();
    },
    trusted: (ca) => trusted !== undefined && inAll(trusted, ca),
    notAfter: () => current && spanOf(current.leaf).notAfter,
    trouble: () => {
      if (current === undefined) return { code: "TLS_NOT_LOADED", message: "There is no certificate yet." };
      const { leaf } = current;
      if (!validAt(spanOf(leaf), now())) {
        const { validFrom, validTo } = leaf;
        const message = `The certificate served is valid from ${validFrom} to ${validTo}, and this is not in between.`;
        return { code: "TLS_NOT_VALID", message };
      }
      if (!bundled) return undefined;
      if (trusted === undefined || trusted.length === 0) {
        return { code: "TLS_NOT_TRUSTED", message: "No caBundle has been read that trusts the certificate." };
      }
      if (signed) return undefined;
      const message = "The caBundle of a webhook does not hold the CA of the certificate served.";
      return { code: "TLS_NOT_TRUSTED", message };
    },
  };
}
