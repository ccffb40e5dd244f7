import { CodedError } from "../../../sidecar/kit/errors.ts";
import { KINDS_WITH_PODS } from "../../model/workload.ts";

/** An object as it is named on the command line. */
export interface Reference {
  /** Singular and in lower case, as in `kubectl get deployment`. */
  readonly kind: string;
  readonly name: string;
}

/** The API paths of kinds that contain a pod, and the other names that kubectl takes for them. */
const KINDS: Readonly<Record<string, { readonly path: string; readonly also: readonly string[] }>> = {
  pod: { path: "api/v1/pods", also: ["po"] },
  deployment: { path: "apis/apps/v1/deployments", also: ["deploy"] },
  statefulset: { path: "apis/apps/v1/statefulsets", also: ["sts"] },
  daemonset: { path: "apis/apps/v1/daemonsets", also: ["ds"] },
  replicaset: { path: "apis/apps/v1/replicasets", also: ["rs"] },
  replicationcontroller: { path: "api/v1/replicationcontrollers", also: ["rc"] },
  job: { path: "apis/batch/v1/jobs", also: [] },
  cronjob: { path: "apis/batch/v1/cronjobs", also: ["cj"] },
  podtemplate: { path: "api/v1/podtemplates", also: [] },
  rollout: { path: "apis/argoproj.io/v1alpha1/rollouts", also: ["ro"] },
  deploymentconfig: { path: "apis/apps.openshift.io/v1/deploymentconfigs", also: ["dc"] },
};

/**
 * `pod/web`, `deploy/web`, or as `kubectl get -o name` prints it, `deployment.apps/web`.
 * @throws CodedError `REFERENCE_INVALID`
 */
export function parseReference(raw: string): Reference {
  const [, kind = "", name = ""] = /^([a-z]+)[a-z0-9.]*\/([^/]+)$/.exec(raw.trim()) ?? [];
  const found = Object.entries(KINDS).find(([known, { also }]) =>
    [known, `${known}s`, ...also].includes(kind),
  );
  if (found === undefined || !isName(name)) {
    throw new CodedError(
      "REFERENCE_INVALID",
      `${JSON.stringify(raw.slice(0, 120))} names no object that holds pods.`,
      {
        remedy: `Write KIND/NAME with one of the kinds ${Object.keys(KINDS).join(", ")}.`,
      },
    );
  }
  return { kind: found[0], name };
}

export function pathOf({ kind, name }: Reference, namespace: string): string {
  const path = KINDS[kind]?.path ?? "";
  const at = path.lastIndexOf("/");
  return `/${path.slice(0, at)}/namespaces/${namespace}${path.slice(at)}/${name}`;
}

/** The lists of all objects that contain a pod, in all namespaces, each with the kind that its items have. */
export const LISTS: readonly { readonly path: string; readonly apiVersion: string; readonly kind: string }[] =
  Object.entries(KINDS).flatMap(([singular, { path }]) => {
    const apiVersion = path.slice(path.indexOf("/") + 1, path.lastIndexOf("/"));
    const known = KINDS_WITH_PODS.find(
      (one) => one.toLowerCase() === `${apiVersion}/${singular}`.toLowerCase(),
    );
    return known === undefined
      ? []
      : [{ path: `/${path}`, apiVersion, kind: known.slice(apiVersion.length + 1) }];
  });

/** A name that an object can have; any other text could lead to another API path. */
export const isName = (name: string): boolean =>
  name.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(name);
