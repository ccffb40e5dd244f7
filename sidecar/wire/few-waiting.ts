import { CodedError } from "../kit/errors.ts";
import type { ServedIdentity } from "./answers.ts";

/** Of all identities together: far above what they ask at once, and a quarter of the sidecar's connections. */
const WAITING_MAX = 256;

/**
 * Limits how many requests of each identity wait for its session at once. Without it, containers whose sessions are not there
 * yet could hold every connection, and keep others from their credentials.
 */
export const fewWaiting = (identities: readonly ServedIdentity[]): readonly ServedIdentity[] =>
  identities.map((one) => limited(one, Math.ceil(WAITING_MAX / identities.length)));

function limited(identity: ServedIdentity, most: number): ServedIdentity {
  let waiting = 0;
  const credentials: ServedIdentity["credentials"] = async () => {
    if (waiting >= most) {
      throw new CodedError("CREDENTIALS_NOT_READY", "No credentials yet: too many requests wait for them.", {
        remedy: "Try again.",
      });
    }
    waiting += 1;
    try {
      return await identity.credentials();
    } finally {
      waiting -= 1;
    }
  };
  return { ...identity, credentials };
}
