import { Refusal, type ApiServer } from "../cluster/api-server.ts";
import { fieldsIn, isRecord, metadataOf, own, type Fields } from "../model/read.ts";
import { certificatesIn } from "./pem.ts";
import { secretOf, storedIn, type Stored } from "./stored.ts";
import { secretTrouble, webhookTrouble } from "./trouble.ts";

export type TlsApi = Pick<ApiServer, "get" | "post" | "put" | "patch">;

/** Where certificates are kept, and who is to trust them. */
export interface Places {
  readonly secret: string;
  readonly namespace: string;
  /** `mutatingwebhookconfigurations/NAME`; one of validatingwebhookconfigurations would do as well. */
  readonly webhooks: readonly string[];
}

export interface ReadSecret {
  readonly stored: Stored;
  /** As it was read; undefined where there is none. */
  readonly object: Fields | undefined;
}

/** One webhook configuration as it was read. */
export interface ReadWebhooks {
  readonly what: string;
  readonly resourceVersion: string;
  /** Of each webhook in it, the certificates in its caBundle. */
  readonly bundles: readonly (readonly string[])[];
}

const REQUEST_MS = 10_000;
const API = "/apis/admissionregistration.k8s.io/v1";

/** @throws CodedError of trouble.ts */
export async function readSecret(api: TlsApi, at: Places, signal: AbortSignal): Promise<ReadSecret> {
  try {
    const object = await api.get(`${pathOf(at)}/${at.secret}`, REQUEST_MS, signal);
    if (!isRecord(object)) throw new Error("the answer is no object");
    return { stored: storedIn(object), object };
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return { stored: {}, object: undefined };
    throw secretTrouble(error, at.secret, at.namespace);
  }
}

/**
 * @returns false where another replica was faster: nothing is written then, and all is to be read again
 * @throws CodedError of trouble.ts
 */
export async function writeSecret(
  api: TlsApi,
  at: Places,
  { object }: ReadSecret,
  stored: Stored,
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = secretOf(stored, at.secret, at.namespace, object);
  try {
    if (object === undefined) await api.post(pathOf(at), wanted, REQUEST_MS, signal);
    else await api.put(`${pathOf(at)}/${at.secret}`, wanted, REQUEST_MS, signal);
    return true;
  } catch (error) {
    if (error instanceof Refusal && (error.status === 409 || (error.status === 404 && object !== undefined)))
      return false;
    throw secretTrouble(error, at.secret, at.namespace);
  }
}

/** @throws CodedError of trouble.ts */
export async function readWebhooks(api: TlsApi, what: string, signal: AbortSignal): Promise<ReadWebhooks> {
  try {
    const object = await api.get(`${API}/${what}`, REQUEST_MS, signal);
    if (!isRecord(object)) throw new Error("the answer is no object");
    const webhooks = own(object, "webhooks");
    return {
      what,
      resourceVersion: String(own(metadataOf(object), "resourceVersion")),
      bundles: Array.isArray(webhooks) ? webhooks.filter(isRecord).map(bundleIn) : [],
    };
  } catch (error) {
    throw webhookTrouble(error, what);
  }
}

/**
 * Puts one bundle into every webhook of a configuration.
 * @returns false where the configuration has changed since it was read
 * @throws CodedError of trouble.ts
 */
export async function patchWebhooks(
  api: TlsApi,
  { what, resourceVersion, bundles }: ReadWebhooks,
  bundle: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const value = Buffer.from(`${bundle.join("\n")}\n`).toString("base64");
  const patch = [
    // The version of the read: the API server answers 409 where it is not its own, so indexes below cannot have moved.
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
    ...bundles.map((_, index) => ({ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value })),
  ];
  try {
    await api.patch(`${API}/${what}`, patch, REQUEST_MS, signal);
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) return false;
    throw webhookTrouble(error, what);
  }
}

const pathOf = ({ namespace }: Places): string => `/api/v1/namespaces/${namespace}/secrets`;

function bundleIn(webhook: Fields): readonly string[] {
  const bundle = own(fieldsIn(webhook, "clientConfig"), "caBundle");
  return typeof bundle === "string" ? certificatesIn(Buffer.from(bundle, "base64").toString()) : [];
}
