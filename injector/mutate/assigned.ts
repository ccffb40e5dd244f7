import type { Intent } from "../decide/intent.ts";
import type { Pod } from "../model/pod.ts";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import type { Fresh } from "./fresh.ts";
import { sidecarUid } from "./sidecar-uid.ts";
import { tokensFor, type Tokens } from "./token.ts";

/** What no other pod has. */
export interface Assigned {
  readonly tokens: Tokens;
  /** The sidecar's; without a sidecar it is not written. */
  readonly uid: number;
}

/** What an earlier pass assigned to the pod, and new values for the rest. Undefined if no uid is left. */
export function assigned(pod: Pod, { sidecar }: Intent, fresh: Fresh): Assigned | undefined {
  const uid = sidecar === undefined ? SIDECAR_UIDS.min : sidecarUid(pod, fresh);
  return uid === undefined ? undefined : { tokens: tokensFor(pod, sidecar, fresh), uid };
}
