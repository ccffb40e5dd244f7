import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { SOURCES } from "../../sidecar/contract/session.ts";
import { TOKEN_MODES } from "./token-mode.ts";

/** The kind of object an annotation is read from. */
export type On = "Pod" | "ServiceAccount" | "Namespace";

export interface AnnotationSpec {
  readonly on: On;
  /** On a namespace too, for its pods. */
  readonly alsoOn?: { readonly Namespace: string };
  /** The form of its value. */
  readonly value: string;
  readonly about: string;
}

/** The key of each annotation in this cluster: podrole's default key, or the one that a setting names instead. */
export type Keys = Readonly<Record<keyof typeof ANNOTATION, string>>;

const AMOUNTS = "amounts, comma-separated, such as requests.memory=32Mi,limits.cpu=500m";

/** Every annotation podrole reads or writes, by the name it has in the code. */
const ANNOTATIONS: Readonly<Record<keyof Keys | "containerRole", AnnotationSpec>> = {
  role: {
    on: "Pod",
    value: "role name, path/name or ARN",
    about:
      "The role of this pod. A name is put behind the base ARN; role/reader is the role reader of its account.",
  },
  containerRole: {
    on: "Pod",
    value: "role name, path/name or ARN",
    about: "A role for this one container, instead of the pod's.",
  },
  externalId: {
    on: "Pod",
    value: "2 to 1224 characters",
    about: "ExternalId of AssumeRole. Empty is as none.",
  },
  sessionName: {
    on: "Pod",
    value: "template",
    about:
      "Role session name; podrole replaces {namespace}, {serviceAccount}, {pod} and {podUid}. It must begin with {namespace} and one of _+=,.@, or be allowed by a RoleGrant or the setting sessionNames.",
  },
  peerSessionName: {
    on: "Pod",
    value: "template",
    about: "The same, with kiam's key.",
  },
  sessionDuration: {
    on: "Pod",
    value: "seconds, or 45m, 1h, 1h30m",
    about: "Duration of a session.",
  },
  sessionTags: {
    on: "Pod",
    value: "JSON object of strings",
    about: "Session tags of AssumeRole.",
  },
  sessionTransitiveTags: {
    on: "Pod",
    value: "JSON array of strings",
    about: "Keys of session-tags. Roles that the app assumes in turn inherit these tags.",
  },
  sessionPolicy: { on: "Pod", value: "JSON policy document", about: "Inline session policy." },
  sessionPolicyArns: {
    on: "Pod",
    value: "JSON array of policy ARNs",
    about: "Managed session policies, at most 10: AWS managed, or of the role's account.",
  },
  containers: {
    on: "Pod",
    value: "names, comma-separated",
    about: "Only these containers get credentials.",
  },
  skipContainers: {
    on: "Pod",
    value: "names, comma-separated",
    about:
      "These containers get no credentials. A name may be of a container that another webhook adds later.",
  },
  irsaSkipContainers: {
    on: "Pod",
    value: "names, comma-separated",
    about: `The same, in the spelling of the webhook that EKS runs. A container that ${ANNOTATION.containers} or a role of its own names gets credentials all the same. podrole adds guard and sidecar to the list, so that EKS's webhook does not change them.`,
  },
  region: { on: "Pod", value: "AWS region", about: "Region of the pod and of its STS calls." },
  start: {
    on: "Pod",
    value: "wait or now",
    about:
      "wait: app containers start after the first credentials, or at once if the kubelet restarts meanwhile. now: once the sidecar listens.",
  },
  token: {
    on: "Pod",
    value: TOKEN_MODES.join(", ").replace(/, (?=[^,]*$)/, " or "),
    about: "How containers get their token: file keeps it out of the manifest, env is for old SDKs.",
  },
  imds: {
    on: "Pod",
    alsoOn: {
      Namespace:
        "emulate: the metadata service is emulated in pods without this annotation. block: in no pod, even with it.",
    },
    value: "block or emulate",
    about:
      "emulate: the sidecar answers instead of the metadata service, where the injector's configuration allows it.",
  },
  imdsV1: {
    on: "Pod",
    alsoOn: {
      Namespace:
        "allowed: requests without a token are answered in pods without this annotation. denied: in no pod, even with it.",
    },
    value: "denied or allowed",
    about: "Whether the emulated service answers requests without a token (IMDSv1).",
  },
  guardResources: {
    on: "Pod",
    value: AMOUNTS,
    about: "CPU and memory of podrole-guard, as far as they differ from the setting guardResources.",
  },
  sidecarResources: {
    on: "Pod",
    value: AMOUNTS,
    about: "CPU and memory of podrole-sidecar, as far as they differ from the setting sidecarResources.",
  },
  inject: { on: "Pod", value: "false", about: "No sidecar for this pod. The guard stays." },
  status: { on: "Pod", value: "JSON", about: "podrole writes its decision here." },
  serviceAccountRole: {
    on: "ServiceAccount",
    value: "role ARN",
    about: "The role of this account's pods.",
  },
  serviceAccountAudience: {
    on: "ServiceAccount",
    value: "audience, such as amazonaws.com",
    about: "Source web-identity: the audience of the token for STS, instead of the setting tokenAudience.",
  },
  namespaceDefaultRole: {
    on: "Namespace",
    value: "role name, path/name or ARN",
    about: "The role of pods for which neither pod, service account nor grant names one.",
  },
  namespaceAllowedRoles: {
    on: "Namespace",
    value: "JSON array of globs or regular expressions",
    about: "Roles that pods of this namespace may use (kube2iam's form; anchored).",
  },
  namespacePermitted: {
    on: "Namespace",
    value: "regular expression",
    about: "Role ARNs that pods of this namespace may use (kiam's form; anchored).",
  },
  guard: {
    on: "Namespace",
    value: "auto, block, verify or off",
    about: "How the guard keeps pods of this namespace from the metadata service.",
  },
  exempt: {
    on: "Namespace",
    value: "controls, comma-separated, such as hostPath=/var/log,hostPorts",
    about: "Controls of Pod Security level baseline that pods of this namespace are exempted from.",
  },
  source: {
    on: "Namespace",
    value: SOURCES.join(", ").replace(/, (?=[^,]*$)/, " or "),
    about: "Source for this namespace, where the injector's configuration allows it.",
  },
};

/** The key of the annotation that gives the container of this name a role. */
export const containerRoleKey = (container: string): string => `${CONTAINER_ROLE_PREFIX}${container}`;

const byKeys = new WeakMap<Keys, ReadonlyMap<string, AnnotationSpec>>();

/** Every annotation by its key, as a cluster with these keys reads it. The reference page is made from it. */
export function annotationsByKey(keys: Keys = ANNOTATION): ReadonlyMap<string, AnnotationSpec> {
  const known = byKeys.get(keys);
  if (known !== undefined) return known;
  const specs = new Map(
    Object.entries({ ...ANNOTATIONS }).map(([name, spec]) => [
      name === "containerRole" ? containerRoleKey("<container>") : keys[name as keyof Keys],
      spec,
    ]),
  );
  byKeys.set(keys, specs);
  return specs;
}

/** The value of an annotation, or undefined. A cluster may choose any key, even `constructor`. */
export const annotation = (
  annotations: Readonly<Record<string, string | null>> | null | undefined,
  key: string,
): string | undefined =>
  annotations != null && Object.hasOwn(annotations, key) ? (annotations[key] ?? undefined) : undefined;
