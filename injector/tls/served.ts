import type { X509Certificate } from "node:crypto";
import type { Trouble } from "../model/trouble.ts";
import type { KeyPair } from "./certificates.ts";
import { certificateOf, isPair, spanOf } from "./pem.ts";
import { validAt } from "./state.ts";

/** The certificate that the listener uses. */
export interface Served {
  /**
   * Serves this pair to new connections. The same pair again changes nothing.
   * @returns whether the pair is another one than before
   * @throws Error if it cannot be served; the pair before it stays
   */
  use(pair: KeyPair): boolean;
  /** Why there is no valid certificate, or undefined. */
  trouble(): Trouble | undefined;
  /** When the served certificate ends, in milliseconds since the epoch; undefined without one. */
  notAfter(): number | undefined;
}

export interface ServedDeps {
  readonly now: () => number;
  /** Hands it to the listener. @throws Error where OpenSSL takes it for no pair */
  readonly apply: (pair: KeyPair) => void;
}

export function served({ now, apply }: ServedDeps): Served {
  let current: { readonly pair: KeyPair; readonly leaf: X509Certificate } | undefined;
  return {
    use: (pair) => {
      if (current?.pair.cert === pair.cert && current.pair.key === pair.key) return false;
      const leaf = certificateOf(pair.cert);
      if (leaf === undefined || !isPair(pair)) throw new Error("certificate and key are not a pair");
      apply(pair);
      current = { pair, leaf };
      return true;
    },
    notAfter: () => current && spanOf(current.leaf).notAfter,
    trouble: () => {
      if (current === undefined) return { code: "TLS_NOT_LOADED", message: "There is no certificate yet." };
      const { leaf } = current;
      if (validAt(spanOf(leaf), now())) return undefined;
      const { validFrom, validTo } = leaf;
      return {
        code: "TLS_NOT_VALID",
        message: `The served certificate is not valid now: it is valid from ${validFrom} to ${validTo}.`,
      };
    },
  };
}
