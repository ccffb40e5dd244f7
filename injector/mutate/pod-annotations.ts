import { GRANT_LABEL, grantLabelValue, grantOfRule } from "../model/grant-label.ts";
import type { Container, ObjectMeta } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { settingsMark } from "../config/settings-mark.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Fields } from "../model/read.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import type { Intent, SidecarIntent } from "../decide/intent.ts";

/** The annotation that makes `kubectl logs` and `exec` pick the app; kept where the user set it. */
export const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/**
 * EKS's webhook for IRSA adds variables to every container of an annotated service account's pod. On guard and sidecar
 * podrole would refuse them. This annotation makes that webhook skip guard and sidecar.
 */
export const IRSA_SKIP = "eks.amazonaws.com/skip-containers";

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
    guard: intent.guard ? "block" : "off",
    ...(intent.imds === undefined ? {} : { imds: "emulate" }),
    ...(intent.imds?.v1 === "allowed" ? { imdsV1: "allowed" } : {}),
    ...(sidecar ? statusOf(sidecar) : {}),
  };
  const annotations = {
    ...metadata.annotations,
    ...(intent.irsa ? { [IRSA_SKIP]: skipping(metadata.annotations?.[IRSA_SKIP], injected) } : {}),
    ...(metadata.annotations?.[DEFAULT_CONTAINER] == null && app !== undefined
      ? { [DEFAULT_CONTAINER]: app }
      : {}),
    [ANNOTATION.status]: JSON.stringify(status),
  };
  return { ...metadata, annotations, ...labelled(metadata, sidecar) };
}

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

/** The user's list with podrole's containers added, each once. */
function skipping(present: string | null | undefined, injected: readonly Container[]): string {
  const listed = (present ?? "").split(",").map((name) => name.trim());
  return [...new Set([...listed, ...injected.map(({ name }) => name)])]
    .filter((name) => name !== "")
    .join(",");
}
