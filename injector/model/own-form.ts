import { isDeepStrictEqual } from "node:util";
import { ENV, type GuardMode } from "../../sidecar/contract/env.ts";
import { COMMAND, CONTAINER } from "../../sidecar/contract/pod.ts";
import { envVar, type Container, type PodSpec } from "./pod.ts";
import { own, type Fields } from "./read.ts";

/** The two forms of guard and sidecar in a pod: a container each, or one for both (the setting `guardContainer`). */

/** Whether the container is guard and sidecar in one. */
export const isGuardAndSidecar = (container: Fields): boolean =>
  own(container, "name") === CONTAINER.sidecar &&
  isDeepStrictEqual(own(container, "command"), COMMAND.guardAndServe);

/** Whether the container is the pod's guard, be it the sidecar too or not. */
export const isGuarding = (container: Fields): boolean =>
  own(container, "name") === CONTAINER.guard || isGuardAndSidecar(container);

/** The mode of the guard in a pod that has one. */
export function guardModeIn({ initContainers }: Pick<PodSpec, "initContainers">): GuardMode | undefined {
  const guard = initContainers?.find(isGuarding);
  if (guard === undefined) return undefined;
  return isDeepStrictEqual(own(guard, "command"), COMMAND.verify) ? "verify" : "block";
}

export const sidecarIn = ({ initContainers }: PodSpec): Container | undefined =>
  initContainers?.find(({ name }) => name === CONTAINER.sidecar);

/** The uid as which the sidecar serves. As guard and sidecar in one it starts as root, and a variable names that uid. */
export function uidOfSidecar(sidecar: Container): number | undefined {
  return isGuardAndSidecar(sidecar)
    ? numberIn(sidecar, ENV.sidecarUid, /^\d{1,5}$/)
    : sidecar.securityContext?.runAsUser;
}

/** The gid as which it serves, likewise. Without the variable it is the uid's number. */
export const gidOfSidecar = (sidecar: Container): number | undefined =>
  isGuardAndSidecar(sidecar)
    ? numberIn(sidecar, ENV.sidecarGid, /^\d{1,10}$/)
    : sidecar.securityContext?.runAsGroup;

function numberIn(container: Container, variable: string, form: RegExp): number | undefined {
  const value = envVar(container, variable)?.value;
  return value !== undefined && form.test(value) ? Number(value) : undefined;
}
