import { GRANT_LABEL, grantLabelValue, grantOfRule } from "../model/grant-label.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { Container, ObjectMeta } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { irsaSkipKeys } from "../config/annotation-keys.ts";
import { settingsMark } from "../config/settings-mark.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { namesOf } from "../model/name-list.ts";
import { isPodroleName } from "../model/user-containers.ts";
import type { Fields } from "../model/read.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import type { Intent, SidecarIntent } from "../decide/intent.ts";

/** The annotation that makes `kubectl logs` and `exec` pick the app; kept where the user set it. */
export const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/**
 * The pod's metadata with what podrole writes into its annotations and labels.
 * @param injected podrole's containers
 */
export function annotated(
  metadata: ObjectMeta,
  app: string | undefined,
  injected: readonly Container[],
  intent: Intent,
  config: InjectorConfig,
): ObjectMeta {
  const { sidecar } = intent;
  const status = {
    version: config.version,
    settings: settingsMark(config),
    guard: guardInStatus(intent.guard),
    ...(intent.imds === undefined ? {} : { imds: "emulate" }),
    ...(intent.imds?.v1 === "allowed" ? { imdsV1: "allowed" } : {}),
    ...(sidecar ? statusOf(sidecar) : {}),
  };
  const annotations = {
    ...metadata.annotations,
    ...Object.fromEntries(
      irsaSkipKeys(config.keys).map((key) => [key, skipping(metadata.annotations?.[key], injected)]),
    ),
    ...(metadata.annotations?.[DEFAULT_CONTAINER] == null && app !== undefined
      ? { [DEFAULT_CONTAINER]: app }
      : {}),
    ...intent.mesh?.annotation,
    [ANNOTATION.status]: JSON.stringify(status),
  };
  return { ...metadata, annotations, ...labelled(metadata, sidecar) };
}

/** How the status names the guard's mode. */
export const guardInStatus = (guard: GuardMode | undefined): GuardMode | "off" => guard ?? "off";

/**
 * The label by which the controller finds the pods of a grant. An existing label stays: a workload may select its pods by it,
 * and would create pods without end if it changed.
 */
function labelled(metadata: ObjectMeta, sidecar: SidecarIntent | undefined): Pick<ObjectMeta, "labels"> {
  const grant = sidecar && grantOf(sidecar);
  return grant === undefined || metadata.labels?.[GRANT_LABEL] != null
    ? {}
    : { labels: { ...metadata.labels, [GRANT_LABEL]: grantLabelValue(grant) } };
}

/** The grant that allowed the pod's role, else the first that allowed a container's. */
function grantOf({ identities }: SidecarIntent): string | undefined {
  const ofPod = identities.filter(({ name }) => name === POD_IDENTITY);
  return [...ofPod, ...identities].map(({ rule }) => grantOfRule(rule)).find((grant) => grant !== undefined);
}

/** The pod's own role in fields of its own; those of containers by the container's name. */
function statusOf({ identities, source }: SidecarIntent): Fields {
  const roleFields = ({ role, from, rule }: IdentityIntent): Fields => ({ role, from: ownerIn(from), rule });
  const ofPod = identities.find(({ name }) => name === POD_IDENTITY);
  const others = identities.filter((one) => one !== ofPod);
  const containers = Object.fromEntries(
    others.flatMap((one) => one.containers.map((container) => [container, roleFields(one)])),
  );
  return {
    ...(ofPod ? roleFields(ofPod) : {}),
    source,
    ...(others.length === 0 ? {} : { containers }),
  };
}

/** Whose annotation named the role. The annotation's key would be the same in every pod, and `podrole explain` says it. */
const ownerIn = (from: string): string => from.replace(/^annotation \S+ of (?:the )?/, "");

/**
 * The user's list with podrole's containers at its end. Webhooks for IRSA add variables and a mount to every container that
 * their list does not name. In every pod: they also handle pods whose service account has no annotation, by an association
 * or a ConfigMap.
 */
function skipping(present: string | null | undefined, injected: readonly Container[]): string {
  const text = present ?? "";
  // The webhook takes the list for a line of CSV, and a second line or a lone quote would hide what follows.
  const users = /["\n\r]/.test(text) ? namesOf(text) : text.split(",");
  // One of podrole's may be there from an earlier pass, and no longer be in the pod.
  const others = users.filter((name) => !isPodroleName(name.trim()));
  return [...(others.join("") === "" ? [] : others), ...injected.map(({ name }) => name)].join(",");
}
