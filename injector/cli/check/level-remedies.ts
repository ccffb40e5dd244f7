import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { GuardSetting } from "../../model/guard-mode.ts";
import { ENFORCED_LEVEL } from "../../model/guard-mode.ts";

/** Commands for an admin, where a Pod Security level and the guard's mode do not fit each other. */

export const annotateGuard = (namespace: string, value: GuardSetting): string =>
  `kubectl annotate --overwrite namespace ${namespace} ${ANNOTATION.guard}=${value}`;

export const labelLevel = (namespace: string, level: string): string =>
  `kubectl label --overwrite namespace ${namespace} ${ENFORCED_LEVEL}=${level}`;

export const keepBlock = (namespace: string): string =>
  `To keep mode block, where podrole enforces baseline itself: ${labelLevel(namespace, "privileged")}.`;

/** For a namespace whose label forbids mode block. */
export const verifyOrPrivileged = (namespace: string): string =>
  `For mode verify: ${annotateGuard(namespace, "auto")}. ${keepBlock(namespace)}`;
