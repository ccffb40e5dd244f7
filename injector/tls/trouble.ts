import { CodedError } from "../../sidecar/kit/errors.ts";
import { Refusal, whyOf } from "../cluster/api-server.ts";
import type { SecretPlace } from "./secret.ts";

/** Why certificates are not as they should be. Each is a value of the metric `podrole_tls_trouble`. */
export const TLS_TROUBLES = [
  "TLS_NOT_LOADED",
  "TLS_NOT_VALID",
  "TLS_CA_UNANNOUNCED",
  "TLS_FILE_UNREADABLE",
  "TLS_FILE_INVALID",
  "TLS_SECRET_FORBIDDEN",
  "TLS_SECRET_REFUSED",
  "TLS_WEBHOOK_FORBIDDEN",
  "TLS_WEBHOOK_MISSING",
  "TLS_WEBHOOK_REFUSED",
  "TLS_API_UNAVAILABLE",
  "TLS_UNSETTLED",
] as const;
export type TlsTrouble = (typeof TLS_TROUBLES)[number];

/** What a program does with the Secret: the injector reads it, the controller writes it too. */
export type Rights = "read" | "write";

/**
 * A failed request for the Secret, without the API server's own message: for a body that it cannot read, the message quotes
 * a part of the body, which may be part of a key.
 */
export function secretTrouble(
  error: unknown,
  { secret: name, namespace }: SecretPlace,
  rights: Rights,
): CodedError<TlsTrouble> {
  const secret = `Secret ${namespace}/${name}`;
  const done = rights === "read" ? "read" : "read or written";
  // A parser's message quotes what it could not read.
  const why = error instanceof SyntaxError ? "the answer is not JSON" : whyOf(error);
  if (!(error instanceof Refusal)) return unavailable(`${secret} could not be ${done}`, why);
  const status = `HTTP ${error.status}`;
  if (error.status === 401 || error.status === 403) {
    const verbs = rights === "read" ? `get ${name}` : `create secrets, and get and update ${name}`;
    return new CodedError(
      "TLS_SECRET_FORBIDDEN",
      `podrole may not ${rights === "read" ? "read" : "read or write"} ${secret} (${status}).`,
      { remedy: `Allow podrole's service account to ${verbs} in namespace ${namespace}.` },
    );
  }
  if (isTemporary(error.status)) return unavailable(`${secret} could not be ${done}`, status);
  return new CodedError("TLS_SECRET_REFUSED", `The API server refused ${secret} (${status}).`, {
    remedy:
      error.status === 404
        ? `Create namespace ${namespace}, or correct --namespace.`
        : "Delete it: the controller creates it again. The Secret may be immutable, or a policy may refuse it.",
  });
}

/** @param configuration name of a MutatingWebhookConfiguration */
export function webhookTrouble(error: unknown, configuration: string): CodedError<TlsTrouble> {
  const what = `mutatingwebhookconfigurations/${configuration}`;
  if (!(error instanceof Refusal)) return unavailable(`${what} could not be read or patched`, whyOf(error));
  const status = `HTTP ${error.status}`;
  if (error.status === 401 || error.status === 403) {
    return new CodedError("TLS_WEBHOOK_FORBIDDEN", `podrole may not read or patch ${what} (${status}).`, {
      remedy: `Allow podrole's service account to get and patch mutatingwebhookconfigurations ${configuration}.`,
    });
  }
  if (error.status === 404) {
    return new CodedError("TLS_WEBHOOK_MISSING", `There is no ${what}.`, {
      remedy: "Apply the webhook configuration, or correct --webhook-configuration.",
    });
  }
  if (isTemporary(error.status)) return unavailable(`${what} could not be read or patched`, status);
  return new CodedError("TLS_WEBHOOK_REFUSED", `The API server refused a caBundle in ${what} (${status}).`, {
    remedy: error.said === "" ? "Check the policies on webhook configurations." : error.said,
  });
}

/** More steps in one round than any change needs. @param field of one of the objects, which a GitOps tool may reset */
export const unsettled = (objects: string, field: string): CodedError<TlsTrouble> =>
  new CodedError("TLS_UNSETTLED", `Another program keeps changing ${objects}.`, {
    remedy: `Look for a GitOps controller that resets ${field}, or for a second installation with the same names.`,
  });

/** The Secret has no certificate that the injector could serve. @param why a clause */
export const notLoaded = ({ secret, namespace }: SecretPlace, why: string): CodedError<TlsTrouble> =>
  new CodedError("TLS_NOT_LOADED", `Secret ${namespace}/${secret} ${why}.`, {
    remedy: "The controller writes it: read the log of Deployment podrole-controller.",
  });

/** The Secret has another CA but does not list the CA in use as a previous one, as the controller would. */
export const unannounced = ({ secret, namespace }: SecretPlace): CodedError<TlsTrouble> =>
  new CodedError(
    "TLS_CA_UNANNOUNCED",
    `Secret ${namespace}/${secret} has a new CA that API servers may not trust, so the certificate in use stays.`,
    { remedy: "Wait for the controller to announce it, or read the log of Deployment podrole-controller." },
  );

const isTemporary = (status: number): boolean => status === 429 || status === 408 || status >= 500;

const unavailable = (what: string, why: string): CodedError<TlsTrouble> =>
  new CodedError("TLS_API_UNAVAILABLE", `${what}: ${why}.`, {
    remedy: "podrole keeps trying. Check the API server and the network to it.",
  });
