import { ENV } from "../../sidecar/contract/env.ts";
import { DEFAULTS } from "../../sidecar/kit/defaults.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { SecurityContext } from "../model/pod.ts";

/** The fields that guard and sidecar have alike. */
export const ownContainer = (config: InjectorConfig) => ({
  image: config.image,
  imagePullPolicy: config.imagePullPolicy,
  // Where they write why they ended, for `kubectl describe pod` to show.
  terminationMessagePath: DEFAULTS[ENV.terminationLog],
  // The file is written in full sentences; the log's last line stands in where a container died too early to write.
  terminationMessagePolicy: "FallbackToLogsOnError",
});

/** The strictest security context, except for the capabilities that are named. */
export const ownSecurity = (
  uid: number,
  gid: number,
  capabilities: NonNullable<SecurityContext["capabilities"]>,
): SecurityContext => ({
  runAsUser: uid,
  runAsGroup: gid,
  runAsNonRoot: uid !== 0,
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities,
  seccompProfile: { type: "RuntimeDefault" },
});
