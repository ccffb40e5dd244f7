import type { KeyPair } from "./certificates.ts";
import { metadataOf, own, stringMap, type Fields } from "../model/read.ts";
import {
  caFacts,
  canSign,
  certificateOf,
  certificatesIn,
  isPair,
  isSignedBy,
  namesOf,
  spanOf,
} from "./pem.ts";
import type { CaFacts, TlsState } from "./state.ts";

/** What the Secret holds, keys included; never log it. What is absent was not there; nothing is checked. */
export interface Stored {
  readonly ca?: KeyPair;
  readonly serving?: KeyPair;
  readonly next?: KeyPair;
  /** One or more CAs, PEM, without keys. */
  readonly previous?: string;
}

const KEYS = {
  ca: ["ca.crt", "ca.key"],
  serving: ["tls.crt", "tls.key"],
  next: ["next-ca.crt", "next-ca.key"],
} as const;
const PREVIOUS = "previous-ca.crt";
const TLS_TYPE = "kubernetes.io/tls";

/** @param secret as the API server returns it; its contents may be invalid */
export function storedIn(secret: Fields): Stored {
  const data = stringMap(own(secret, "data"));
  const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
  const pair = (name: keyof typeof KEYS): Pick<Stored, typeof name> => {
    const [cert, key] = KEYS[name];
    return text(cert) === "" ? {} : { [name]: { cert: text(cert), key: text(key) } };
  };
  return {
    ...pair("ca"),
    ...pair("serving"),
    ...pair("next"),
    ...(text(PREVIOUS) === "" ? {} : { previous: text(PREVIOUS) }),
  };
}

/**
 * The object to write. Everything else in the Secret stays as it is: type, labels, owners, other keys of `data`. A Secret of
 * type kubernetes.io/tls must have `tls.crt` and `tls.key`: without a serving certificate they are empty.
 * @param type of a Secret that does not exist yet
 */
export function secretOf(
  stored: Stored,
  name: string,
  namespace: string,
  before: Fields = {},
  type: "kubernetes.io/tls" | "Opaque" = TLS_TYPE,
): Fields {
  const asType = own(before, "type") ?? type;
  const data: Record<string, string> = { ...stringMap(own(before, "data")) };
  for (const key of [...Object.values(KEYS).flat(), PREVIOUS]) delete data[key];
  const put = (key: string, value: string): void => void (data[key] = Buffer.from(value).toString("base64"));
  const empty = asType === TLS_TYPE ? { cert: "", key: "" } : undefined;
  for (const part of ["ca", "serving", "next"] as const) {
    const pair = stored[part] ?? (part === "serving" ? empty : undefined);
    if (pair === undefined) continue;
    put(KEYS[part][0], pair.cert);
    if (part === "serving" || pair.key !== "") put(KEYS[part][1], pair.key);
  }
  if (stored.previous !== undefined) put(PREVIOUS, stored.previous);
  return {
    ...before,
    apiVersion: "v1",
    kind: "Secret",
    type: asType,
    metadata: { ...metadataOf(before), name, namespace },
    data,
  };
}

/** The same without keys, and without what is no certificate. */
export function stateOf({ ca, serving, next, previous }: Stored): TlsState {
  const facts = caFacts(ca?.cert);
  const leaf = serving && certificateOf(serving.cert);
  const nextFacts = caFacts(next?.cert);
  return {
    ...(ca && facts ? { ca: { ...facts, canSign: canSign(ca) } } : {}),
    ...(serving && leaf
      ? {
          serving: {
            ...spanOf(leaf),
            byCa: facts !== undefined && isPair(serving) && isSignedBy(leaf, [facts.pem]),
            names: namesOf(leaf),
          },
        }
      : {}),
    // Without its key it can never sign.
    ...(next && nextFacts && canSign(next) ? { next: nextFacts } : {}),
    previous: casIn(previous ?? ""),
  };
}

const casIn = (text: string): readonly CaFacts[] => certificatesIn(text).flatMap((pem) => caFacts(pem) ?? []);
