import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { ImdsInput } from "./imds.ts";
import { BLOCK_REMEDY } from "../model/guard-mode.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";

export function notAllowed(
  { facts }: Pick<ImdsInput, "facts">,
  byPod: boolean,
  key: string,
  value: string,
  mode: string,
): Finding {
  const whose = byPod ? "" : ` of namespace ${facts.namespace.name}`;
  const message = `The annotation ${key}${whose} is ${value}, which the injector does not allow.`;
  return finding(
    "IMDS_NOT_ALLOWED",
    message,
    `${byPod ? "Remove it from the pod, or ask" : "Ask"} a cluster admin to set imds to ${mode} in podrole-config.`,
  );
}

export const forbiddenThere = (namespace: string, key: string, value: string): Finding =>
  finding(
    "IMDS_NOT_ALLOWED",
    `The annotation ${key} of namespace ${namespace} is ${value}, so no pod in it may ask for more.`,
    "Remove the annotation from the pod, or ask a cluster admin to remove it from the namespace.",
  );

export const withoutRole = (): Finding =>
  finding(
    "IMDS_WITHOUT_ROLE",
    "The pod has no role, so there is no sidecar to emulate the metadata service: the service stays blocked.",
    `Give the pod a role, or remove ${ANNOTATION.imds} from it.`,
  );

export const needsBlock = (namespace: string, guard: GuardMode | undefined): Finding =>
  guard === undefined
    ? finding(
        "IMDS_NEEDS_GUARD",
        `The guard is off in namespace ${namespace}, so the node's metadata service would answer instead of the sidecar.`,
        `Ask a cluster admin to turn the guard on, or set ${ANNOTATION.imds} to block on the pod.`,
      )
    : finding(
        "IMDS_NEEDS_GUARD",
        `The guard is in mode ${guard} in namespace ${namespace}, which has no rules that lead metadata requests to the sidecar.`,
        `Ask ${BLOCK_REMEDY}, or set ${ANNOTATION.imds} to block on the pod.`,
      );

export const shared = (why: string): Finding =>
  finding(
    "IMDS_SHARED",
    `The metadata service gives every program of the pod the pod's role, but ${why}.`,
    `Set ${ANNOTATION.imds} to block on the pod, or let all of its containers have the pod's role.`,
  );

export const v1Allowed = (): Finding =>
  finding(
    "IMDS_V1_ALLOWED",
    "The sidecar answers metadata requests without a token: an attacker who can make the app fetch a URL gets its credentials.",
    `Set ${ANNOTATION.imdsV1} to denied on the pod, unless a client cannot use IMDSv2.`,
  );
