import type { InjectorConfig } from "../config/installation.ts";
import type { SecurityContext } from "../model/pod.ts";

/** Where guard and sidecar write why they ended, for `kubectl describe pod` to show. */
export const TERMINATION_LOG = "/dev/termination-log";

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
