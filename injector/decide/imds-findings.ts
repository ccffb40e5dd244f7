import type { ImdsAsked } from "./imds.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";

export function notAllowed(
  { facts }: Pick<ImdsAsked, "facts">,
  byPod: boolean,
  key: string,
  value: string,
  mode: string,
): Finding {
  const whose = byPod ? "" : ` of namespace ${facts.namespace.name}`;
  const message = `The annotation ${key}${whose} is ${value}, which the injector does not allow.`;
  return finding("IMDS_NOT_ALLOWED", message, `Have a cluster admin set imds to ${mode} in podrole-config.`);
}

export const forbiddenThere = (namespace: string, key: string, value: string): Finding =>
  finding(
    "IMDS_NOT_ALLOWED",
    `The annotation ${key} of namespace ${namespace} is ${value}, so no pod of it may ask for more.`,
    "Take the annotation off the pod, or ask a cluster admin to take it off the namespace.",
  );

export const withoutRole = (): Finding =>
  finding(
    "IMDS_WITHOUT_ROLE",
    "The pod has no role, so there is no sidecar to stand in for the metadata service: it stays blocked.",
    `Give the pod a role, or take ${ANNOTATION.imds} off it.`,
  );

export const needsGuard = (namespace: string): Finding =>
  finding(
    "IMDS_NEEDS_GUARD",
    `The guard is off in namespace ${namespace}, so the node's own metadata service would answer and not the sidecar.`,
    `Ask a cluster admin to turn the guard on, or set ${ANNOTATION.imds} to block on the pod.`,
  );

export const shared = (why: string): Finding =>
  finding(
    "IMDS_SHARED",
    `The metadata service gives every program of the pod the pod's role, and ${why}.`,
    `Set ${ANNOTATION.imds} to block on the pod, or let all its containers have the pod's role.`,
  );

export const v1Allowed = (): Finding =>
  finding(
    "IMDS_V1_ALLOWED",
    "The sidecar answers metadata requests without a token: whoever can make the app fetch a URL can have its credentials.",
    `Take ${ANNOTATION.imdsV1} off, unless a client knows no IMDSv2.`,
  );
