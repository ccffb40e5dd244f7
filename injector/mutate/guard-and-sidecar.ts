import { ENV } from "../../sidecar/contract/env.ts";
import { COMMAND } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Presence } from "../decide/presence.ts";
import { isGuardAndSidecar, sidecarIn } from "../model/own-form.ts";
import { literal, type Container, type Pod } from "../model/pod.ts";
import { userContainers } from "../model/user-containers.ts";
import { ownSecurity } from "./own-container.ts";

/**
 * Whether the pod gets one container as guard and sidecar. Not in mode `verify`, whose guard needs no right that it would have to give
 * up; nor if the kubelet lets only root or its group read the token files, because
 * the sidecar reads them after it has given up root: if every container names uid 0 (FsUserFrom), or `fsGroup` is 0.
 */
export const isOneContainer = (
  pod: Pod,
  { guard, sidecar }: Pick<Presence, "guard" | "sidecar">,
  { guardContainer }: Pick<InjectorConfig, "guardContainer">,
): boolean => guardContainer === "sidecar" && guard === "block" && sidecar && !keepsTokensForRoot(pod);

function keepsTokensForRoot(pod: Pod): boolean {
  const { runAsUser, fsGroup } = pod.spec.securityContext ?? {};
  const isRoot = ({ securityContext }: Container): boolean => (securityContext?.runAsUser ?? runAsUser) === 0;
  return fsGroup === 0 || userContainers(pod).every(isRoot);
}

/** The form of the sidecar that the pod has already, if an earlier pass with these settings may have written it; else `otherwise`. */
export function presentForm({ spec }: Pod, { guardContainer }: InjectorConfig, otherwise: boolean): boolean {
  const sidecar = sidecarIn(spec);
  return sidecar === undefined || guardContainer === "init" ? otherwise : isGuardAndSidecar(sidecar);
}

/**
 * Guard and sidecar as one container. It starts as root with the guard's capabilities, and with those that it takes to become the
 * sidecar's uid; the program gives up all of them before it serves.
 */
export function guardAndSidecar(guard: Container, sidecar: Container): Container {
  const ofGuard = new Set((guard.env ?? []).map(({ name }) => name));
  const { runAsUser: uid, runAsGroup: gid } = sidecar.securityContext ?? {};
  const group = gid === undefined || gid === uid ? [] : [literal(ENV.sidecarGid, String(gid))];
  return {
    ...sidecar,
    command: [...COMMAND.guardAndServe],
    env: [...(guard.env ?? []), ...group, ...(sidecar.env ?? []).filter(({ name }) => !ofGuard.has(name))],
    securityContext: ownSecurity(0, 0, {
      add: [...(guard.securityContext?.capabilities?.add ?? []), "SETUID", "SETGID"],
      drop: ["ALL"],
    }),
  };
}
