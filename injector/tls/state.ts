/** When a certificate is valid. Milliseconds since the epoch. */
export interface Span {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A CA's certificate. */
export interface CaFacts extends Span {
  /** Canonical PEM, which tells two CAs apart. */
  readonly pem: string;
}

/** The certificates in the Secret, without keys. Missing or unreadable ones are absent. */
export interface TlsState {
  /** The CA that signs serving certificates. `canSign`: its key is there and belongs to it. */
  readonly ca?: CaFacts & { readonly canSign: boolean };
  /** `byCa`: signed by `ca`, and its key belongs to it. `names`: by which clients may call it. */
  readonly serving?: Span & { readonly byCa: boolean; readonly names: readonly string[] };
  /** The next CA. It has its key and has signed nothing yet. */
  readonly next?: CaFacts;
  /** CAs whose certificates may still be served; their keys are not kept. */
  readonly previous: readonly CaFacts[];
}

export const validAt = ({ notBefore, notAfter }: Span, now: number): boolean =>
  notBefore <= now && now < notAfter;

/** Whether the Secret's serving certificate can be served now by these names. */
export const servable = ({ serving }: TlsState, names: readonly string[], now: number): boolean =>
  serving !== undefined &&
  serving.byCa &&
  validAt(serving, now) &&
  names.every((name) => serving.names.includes(name));
