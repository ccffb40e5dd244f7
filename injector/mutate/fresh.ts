import { randomBytes, randomInt } from "node:crypto";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";

/** What is made anew for each pod. Passed in, so that tests know it beforehand. */
export interface Fresh {
  /** The token that the app's containers send and the sidecar checks: 32 random bytes, base64url. */
  readonly token: () => string;
  /** A uid for the sidecar, in {@link SIDECAR_UIDS}. */
  readonly uid: () => number;
}

export const random: Fresh = {
  token: () => randomBytes(32).toString("base64url"),
  uid: () => randomInt(SIDECAR_UIDS.min, SIDECAR_UIDS.max + 1),
};

/** For decisions whose patched pod nobody makes. */
export const placeholders: Fresh = { token: () => "", uid: () => SIDECAR_UIDS.min };
