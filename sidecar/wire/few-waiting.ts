import { CodedError } from "../kit/errors.ts";
import type { ServedIdentity } from "./answers.ts";

/** Far above what one container asks at once, and a quarter of the sidecar's connections. */
const WAITING_MAX = 256;

/**
 * Limits how many requests of an identity wait for its session at once. Without it, a container whose session is not there
 * yet could hold every connection, and keep other containers from their credentials.
 */
export function fewWaiting(identity: ServedIdentity): ServedIdentity {
  let waiting = 0;
  const credentials: ServedIdentity["credentials"] = async () => {
    if (waiting >= WAITING_MAX) {
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
