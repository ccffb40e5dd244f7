import type { InjectorConfig } from "../config/installation.ts";
import type { Intent } from "../decide/intent.ts";
import { presenceOf } from "../decide/presence.ts";
import type { Pod } from "../model/pod.ts";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import type { Fresh } from "./fresh.ts";
import { isOneContainer } from "./guard-and-sidecar.ts";
import { sidecarUid } from "./sidecar-uid.ts";
import { tokensFor, type Tokens } from "./token.ts";

/** What podrole's containers of this pod have that others of the same settings may not. */
export interface Assigned {
  readonly tokens: Tokens;
  /** Of the sidecar, and of a guard in mode `verify`. In a pod without a sidecar it is always the same. */
  readonly uid: number;
  /** Likewise; the uid's number except in a service mesh, see decide/mesh.ts. */
  readonly gid: number;
  /** Whether guard and sidecar are one container. */
  readonly isOne: boolean;
}

/** What an earlier pass assigned to the pod, and new values for the rest. Undefined if no uid is left. */
export function assigned(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  fresh: Fresh,
): Assigned | undefined {
  const { sidecar } = intent;
  const uid = sidecar === undefined ? SIDECAR_UIDS.min : sidecarUid(pod, fresh);
  if (uid === undefined) return undefined;
  return {
    tokens: tokensFor(pod, sidecar, fresh),
    uid,
    gid: intent.mesh?.gid ?? uid,
    isOne: isOneContainer(pod, presenceOf(intent, config), config),
  };
}
