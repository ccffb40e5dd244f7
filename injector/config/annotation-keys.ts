import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Keys } from "../model/annotations.ts";
import { SETTING_NAMES, SETTINGS, type Settings } from "./settings.ts";
import type { Setting } from "./setting.ts";

/**
 * The key of every annotation in this cluster. kube2iam and kiam let a cluster choose its keys, and such a cluster should
 * move to podrole without changes to its manifests. The default key is then no longer read: otherwise there would be two
 * ways to name a role where the admin wanted one.
 */
export function annotationKeys(settings: Settings): Keys {
  const chosen = new Map(
    SETTING_NAMES.flatMap((name): [string, string][] => {
      const { spells }: Setting = SETTINGS[name];
      const key = settings[name];
      return spells !== undefined && typeof key === "string" ? [[spells, key]] : [];
    }),
  );
  const keys = Object.entries(ANNOTATION).map(([name, key]) => [name, chosen.get(key) ?? key]);
  return Object.freeze(Object.fromEntries(keys) as Keys);
}

const ROLE_ARN = /\/role-arn$/;

/**
 * The annotations of a pod by which webhooks for IRSA leave containers alone: that of EKS, and that of a webhook of the
 * cluster's own whose service accounts podrole reads. Such a webhook has one prefix for all its annotations.
 * Source: amazon-eks-pod-identity-webhook, pkg/annotations.go and `getContainersToSkip`.
 */
export const irsaSkipKeys = ({ irsaSkipContainers, serviceAccountRole }: Keys): readonly string[] => [
  ...new Set([
    irsaSkipContainers,
    ...(ROLE_ARN.test(serviceAccountRole) ? [serviceAccountRole.replace(ROLE_ARN, "/skip-containers")] : []),
  ]),
];
