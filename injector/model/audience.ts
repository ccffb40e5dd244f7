import { BROKER } from "../../sidecar/contract/broker.ts";
import { IDENTITY_AUDIENCE_PREFIX } from "../../sidecar/contract/pod.ts";

/** The podrole.celAudience of the chart has the same two. */
const AUDIENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@+=~-]{0,254}$/;
const OF_KUBERNETES = /^(https:\/\/)?kubernetes([.]|$)/;

/** Whether tokens of this audience are podrole's: a sidecar or the broker would accept one that a user's container has. */
export const isReservedAudience = (audience: string): boolean =>
  audience === BROKER.audience || audience.startsWith(IDENTITY_AUDIENCE_PREFIX);

/** For a sentence. */
export const RESERVED_AUDIENCES = `${BROKER.audience} and what begins with ${IDENTITY_AUDIENCE_PREFIX}`;

/**
 * The audience of the token that the sidecar calls STS with, as IAM's OIDC provider is registered with it. IAM takes 255
 * characters. None of those that mean something in IAM's conditions is allowed: the text stands in trust policies.
 * @throws Error whose message goes on after the name of the setting or the annotation
 */
export function audienceOf(raw: string): string {
  if (!AUDIENCE.test(raw)) {
    throw new Error("must be an audience such as sts.amazonaws.com: 1 to 255 letters, digits and ._:/@+=~-");
  }
  if (isReservedAudience(raw)) {
    throw new Error(`must be another: ${RESERVED_AUDIENCES} are reserved for podrole`);
  }
  // Under its usual names, so that no sidecar gets a token for the API by a mistake, and sends it to STS.
  if (OF_KUBERNETES.test(raw)) throw new Error("must not be the Kubernetes API's own audience");
  return raw;
}
