import { certificatesIn } from "../tls/pem.ts";
import { readSecret, type ReadSecret, type SecretPlace } from "../tls/secret.ts";
import { secretOf, stateOf, type Stored } from "../tls/stored.ts";
import { BROKER_CA_NAME } from "./broker-bundle.ts";
import type { BrokerAction } from "./broker-plan.ts";
import { putSecret, type CertificatesApi } from "./objects.ts";
import { authority, certificate, previously, stillValid, type Making } from "./renew.ts";

export interface BrokerPlaces {
  readonly namespace: string;
  /** Name of the Secret with CAs and their keys, which the controller alone reads. */
  readonly authorities: string;
  /** Name of the Secret that the broker reads. */
  readonly served: string;
}

/** Both Secrets, as they were read. */
export interface BrokerSecrets {
  readonly authorities: ReadSecret;
  readonly served: ReadSecret;
}

type Written = Exclude<BrokerAction, { do: "publish" }>;

/**
 * The CAs last: what is issued is then never by an older CA than the one that was read with the certificate.
 * @throws CodedError of trouble.ts
 */
export async function readBrokerSecrets(
  api: CertificatesApi,
  places: BrokerPlaces,
  signal: AbortSignal,
): Promise<BrokerSecrets> {
  const served = await readSecret(api, placeOf(places, "served"), "write", signal);
  return { served, authorities: await readSecret(api, placeOf(places, "authorities"), "write", signal) };
}

/** Canonical PEM of every CA in either Secret. */
export const caPemsIn = ({ authorities, served }: BrokerSecrets): readonly string[] =>
  [authorities, served].flatMap(({ stored }) => {
    const { ca, next, previous } = stateOf(stored);
    return [ca, next, ...previous].flatMap((one) => (one === undefined ? [] : [one.pem]));
  });

/**
 * Writes the one Secret that the action changes.
 * @returns false where somebody else has written meanwhile: all is to be read again
 * @throws CodedError of trouble.ts
 */
export async function writeBrokerSecret(
  api: CertificatesApi,
  places: BrokerPlaces,
  before: BrokerSecrets,
  action: Written,
  making: Making,
  signal: AbortSignal,
): Promise<boolean> {
  const which = action.do === "issue" ? "served" : "authorities";
  const place = placeOf(places, which);
  const wanted = await contents(before, action, making);
  const { object } = before[which];
  const type = which === "served" ? "kubernetes.io/tls" : "Opaque";
  return putSecret(api, place, object, secretOf(wanted, place.secret, place.namespace, object, type), signal);
}

/** What the Secret holds after the action. */
async function contents(
  { authorities, served }: BrokerSecrets,
  action: Written,
  making: Making,
): Promise<Stored> {
  const { ca, next } = authorities.stored;
  switch (action.do) {
    case "create":
      return {
        ca: await authority(BROKER_CA_NAME, making),
        ...previously(stillValid({ previous: action.previous.join("\n") }, making.now)),
      };
    case "add-next":
      return { ...authorities.stored, next: await authority(BROKER_CA_NAME, making) };
    case "switch":
      return next === undefined
        ? authorities.stored
        : { ca: next, ...previously(stillValid(authorities.stored, making.now)) };
    case "issue": {
      if (ca === undefined) return served.stored;
      const own = certificatesIn(ca.cert);
      const { previous = "" } = authorities.stored;
      const before = new Set([served.stored, { previous }].flatMap((one) => stillValid(one, making.now)));
      return {
        // The broker takes a certificate by another CA only where the CA before is named as a previous one.
        ca: { cert: ca.cert, key: "" },
        serving: await certificate(ca, making),
        ...previously([...before].filter((pem) => !own.includes(pem))),
      };
    }
  }
}

const placeOf = (places: BrokerPlaces, which: "authorities" | "served"): SecretPlace => ({
  namespace: places.namespace,
  secret: places[which],
});
