import { certificateOf, certificatesIn } from "../tls/pem.ts";

/** Name of the setting: the CAs that sidecars of source broker trust. */
export const BROKER_CA = "brokerCa";

/** What the common name of each CA for the broker begins with; the time of its making follows. */
export const BROKER_CA_NAME = "podrole broker CA";

export interface Bundle {
  /** Canonical PEM of each certificate that this controller, or an earlier one, has put there. */
  readonly own: readonly string[];
  /** Of each that somebody else has added. They stay. */
  readonly others: readonly string[];
  /** Whether the setting has the form that podrole writes, as the admission policies need it. */
  readonly isCanonical: boolean;
}

/**
 * The value of `brokerCa` by whose it is: the controller's where a Secret of the controller's has the CA, or where the CA has the
 * name that the controller gives. The name is all that is left when both Secrets are lost.
 * @param known canonical PEM of the CAs in the Secrets
 * @returns undefined where the value is an admin's own: it holds none of the controller's CAs
 */
export function bundleIn(text: string, known: readonly string[]): Bundle | undefined {
  const held = [...new Set(certificatesIn(text))];
  const isOwn = (pem: string): boolean => known.includes(pem) || madeAt(pem) !== undefined;
  const own = held.filter(isOwn);
  if (own.length === 0 && text.trim() !== "") return undefined;
  return { own, others: held.filter((pem) => !isOwn(pem)), isCanonical: text === bundleText(held) };
}

/** The value that trusts these CAs, in the form that config/certificates-kind.ts writes. */
export const bundleText = (pems: readonly string[]): string => pems.map((pem) => `${pem}\n`).join("");

/**
 * When a CA for the broker was made, in milliseconds since the epoch: pods that are older do not trust it. Undefined for
 * a CA that is not the controller's.
 */
export function madeAt(pem: string): number | undefined {
  const { subject = "" } = certificateOf(pem) ?? {};
  const name = `CN=${BROKER_CA_NAME} `;
  const at = subject.startsWith(name) ? Date.parse(subject.slice(name.length)) : NaN;
  return Number.isNaN(at) ? undefined : at;
}
