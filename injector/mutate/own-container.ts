import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { SecurityContext } from "../model/pod.ts";

/** Where guard and sidecar write why they ended, for `kubectl describe pod` to show. */
export const TERMINATION_LOG = "/dev/termination-log";

/**
 * Requests and limits of guard and sidecar. Also the least that they may have: with less, a pod's author could get the
 * guard killed before it has blocked anything.
 */
export const OWN_RESOURCES = {
  [CONTAINER.guard]: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "128Mi" } },
  [CONTAINER.sidecar]: { requests: { cpu: "10m", memory: "96Mi" }, limits: { cpu: "1", memory: "192Mi" } },
} as const;

/** The fields that guard and sidecar have alike. */
export const ownContainer = (config: InjectorConfig) => ({
  image: config.image,
  imagePullPolicy: config.imagePullPolicy,
  terminationMessagePath: TERMINATION_LOG,
  // The file is written in full sentences; the log's last line stands in where a container died too early to write.
  terminationMessagePolicy: "FallbackToLogsOnError",
});

/** The strictest security context, except for the capabilities that are named. */
export const ownSecurity = (
  uid: number,
  capabilities: NonNullable<SecurityContext["capabilities"]>,
): SecurityContext => ({
  runAsUser: uid,
  runAsGroup: uid,
  runAsNonRoot: uid !== 0,
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities,
  seccompProfile: { type: "RuntimeDefault" },
});
