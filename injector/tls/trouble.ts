import { CodedError } from "../../sidecar/kit/errors.ts";
import { Refusal, whyOf } from "../cluster/api-server.ts";

/** Why certificates are not as they should be. Each is a value of the metric `podrole_tls_trouble`. */
export const TLS_TROUBLES = [
  "TLS_NOT_LOADED",
  "TLS_NOT_VALID",
  "TLS_NOT_TRUSTED",
  "TLS_FILE_UNREADABLE",
  "TLS_FILE_INVALID",
  "TLS_SECRET_FORBIDDEN",
  "TLS_SECRET_REFUSED",
  "TLS_SECRET_LOST",
  "TLS_WEBHOOK_FORBIDDEN",
  "TLS_WEBHOOK_MISSING",
  "TLS_WEBHOOK_REFUSED",
  "TLS_API_UNAVAILABLE",
  "TLS_UNSETTLED",
] as const;
export type TlsTrouble = (typeof TLS_TROUBLES)[number];

/**
 * A failed request for the Secret, told without the API server's own words: to a body that it cannot read it answers
 * with a piece of it, which may be a piece of a key.
 */
export function secretTrouble(error: unknown, name: string, namespace: string): CodedError<TlsTrouble> {
  const secret = `Secret ${namespace}/${name}`;
  // A parser's message quotes what it could not read.
  const why = error instanceof SyntaxError ? "the answer is no JSON" : whyOf(error);
  if (!(error instanceof Refusal)) return unavailable(`${secret} could not be read or written`, why);
  const status = `HTTP ${error.status}`;
  if (error.status === 401 || error.status === 403) {
    return new CodedError("TLS_SECRET_FORBIDDEN", `podrole may not read or write ${secret} (${status}).`, {
      remedy: `In namespace ${namespace}, let its service account create secrets, and get and update ${name}.`,
    });
  }
  if (passing(error.status)) return unavailable(`${secret} could not be read or written`, status);
  return new CodedError("TLS_SECRET_REFUSED", `The API server did not take ${secret} (${status}).`, {
    remedy:
      error.status === 404
        ? `Create namespace ${namespace}, or correct --namespace.`
        : "Delete it: podrole makes it again. An immutable Secret, or a policy on Secrets, would be why.",
  });
}

/** @param what resource and name, such as `mutatingwebhookconfigurations/podrole` */
export function webhookTrouble(error: unknown, what: string): CodedError<TlsTrouble> {
  if (!(error instanceof Refusal)) return unavailable(`${what} could not be read or patched`, whyOf(error));
  const [resource, name = ""] = what.split("/");
  const status = `HTTP ${error.status}`;
  if (error.status === 401 || error.status === 403) {
    return new CodedError("TLS_WEBHOOK_FORBIDDEN", `podrole may not read or patch ${what} (${status}).`, {
      remedy: `Let its service account get and patch ${resource} ${name}.`,
    });
  }
  if (error.status === 404) {
    return new CodedError("TLS_WEBHOOK_MISSING", `There is no ${what}.`, {
      remedy: "Apply the webhook configuration, or correct --webhook-configuration.",
    });
  }
  if (passing(error.status)) return unavailable(`${what} could not be read or patched`, status);
  return new CodedError(
    "TLS_WEBHOOK_REFUSED",
    `The API server did not take a caBundle in ${what} (${status}).`,
    {
      remedy: error.said === "" ? "Look at policies on webhook configurations." : error.said,
    },
  );
}

/** While whoever may serve by what was in it is waited for. */
export const lost = (): CodedError<TlsTrouble> =>
  new CodedError(
    "TLS_SECRET_LOST",
    "The Secret holds nothing to serve by that a caBundle trusts; replicas that serve by another CA are left to write it again.",
    { remedy: "Wait a minute." },
  );

/** After more rounds than replicas that agree would need. */
export const unsettled = (): CodedError<TlsTrouble> =>
  new CodedError("TLS_UNSETTLED", "Somebody else keeps changing the Secret or the webhook configuration.", {
    remedy:
      "Look for a GitOps controller that resets caBundle, or for a second installation of the same names.",
  });

const passing = (status: number): boolean => status === 429 || status === 408 || status >= 500;

const unavailable = (what: string, why: string): CodedError<TlsTrouble> =>
  new CodedError("TLS_API_UNAVAILABLE", `${what}: ${why}.`, {
    remedy: "podrole keeps trying; look at the API server and the network to it.",
  });
