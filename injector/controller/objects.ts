import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { fieldsIn, isRecord, metadataOf, own, recordsIn, type Fields } from "../model/read.ts";
import { caFacts, certificatesIn } from "../tls/pem.ts";
import { SECRET_REQUEST_MS, secretsPath, type SecretPlace } from "../tls/secret.ts";
import type { CaFacts } from "../tls/state.ts";
import { secretTrouble, webhookTrouble } from "../tls/trouble.ts";

export type CertificatesApi = Pick<ApiServer, "get" | "post" | "put" | "patch">;

/** Where certificates are kept, and the name of the MutatingWebhookConfiguration that is to trust them. */
export interface Places extends SecretPlace {
  /** Name of the Secret with the keys of CAs, which the injector does not read. */
  readonly keys: string;
  readonly configuration: string;
}

/** A webhook configuration as it was read. */
export interface ReadWebhooks {
  readonly resourceVersion: string;
  /** Of each webhook in it, the certificates in its caBundle. */
  readonly bundles: readonly (readonly string[])[];
}

const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/**
 * @param before as it was read; undefined where there was none
 * @returns false where somebody else has written meanwhile: nothing is written then, and all is to be read again
 * @throws CodedError of trouble.ts
 */
export async function putSecret(
  api: CertificatesApi,
  place: SecretPlace,
  before: Fields | undefined,
  wanted: Fields,
  signal: AbortSignal,
): Promise<boolean> {
  const path = secretsPath(place);
  try {
    if (before === undefined) await api.post(path, wanted, SECRET_REQUEST_MS, signal);
    else await api.put(`${path}/${place.secret}`, wanted, SECRET_REQUEST_MS, signal);
    return true;
  } catch (error) {
    if (error instanceof Refusal && (error.status === 409 || (error.status === 404 && before !== undefined)))
      return false;
    throw secretTrouble(error, place, "write");
  }
}

/** @throws CodedError of trouble.ts */
export async function readWebhooks(
  api: CertificatesApi,
  configuration: string,
  signal: AbortSignal,
): Promise<ReadWebhooks> {
  try {
    const object = await api.get(`${CONFIGURATIONS}/${configuration}`, SECRET_REQUEST_MS, signal);
    if (!isRecord(object)) throw new Error("the answer is no object");
    return {
      resourceVersion: String(own(metadataOf(object), "resourceVersion")),
      bundles: recordsIn(object, "webhooks").map(bundleIn),
    };
  } catch (error) {
    throw webhookTrouble(error, configuration);
  }
}

/**
 * Puts one bundle into every webhook of a configuration.
 * @returns false where the configuration has changed since it was read
 * @throws CodedError of trouble.ts
 */
export async function patchWebhooks(
  api: CertificatesApi,
  configuration: string,
  { resourceVersion, bundles }: ReadWebhooks,
  bundle: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const value = Buffer.from(`${bundle.join("\n")}\n`).toString("base64");
  const patch = [
    // The version of the read: the API server answers 409 where it is not its own, so the indexes below cannot have moved.
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
    ...bundles.map((_, index) => ({ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value })),
  ];
  try {
    await api.patch(`${CONFIGURATIONS}/${configuration}`, patch, SECRET_REQUEST_MS, signal);
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) return false;
    throw webhookTrouble(error, configuration);
  }
}

/** The CAs in any of these bundles, each once. */
export const casIn = (bundles: readonly (readonly string[])[]): readonly CaFacts[] =>
  [...new Set(bundles.flat())].flatMap((pem) => caFacts(pem) ?? []);

function bundleIn(webhook: Fields): readonly string[] {
  const bundle = own(fieldsIn(webhook, "clientConfig"), "caBundle");
  return typeof bundle === "string" ? certificatesIn(Buffer.from(bundle, "base64").toString()) : [];
}
