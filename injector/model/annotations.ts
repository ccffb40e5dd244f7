import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { finding, type Finding } from "./findings.ts";
import { nearest } from "./nearest.ts";

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

/** Every annotation podrole reads or writes. The validator below and the reference page are made from this table. */
export const ANNOTATIONS: Readonly<Record<string, AnnotationSpec>> = {
  [ANNOTATION.role]: { on: "Pod", value: "role name, path/name or ARN", about: "The role of this pod." },
  [`${CONTAINER_ROLE_PREFIX}<container>`]: {
    on: "Pod",
    value: "role name, path/name or ARN",
    about: "A role for this one container, in the place of the pod's.",
  },
  [ANNOTATION.externalId]: { on: "Pod", value: "2 to 1224 characters", about: "ExternalId of AssumeRole." },
  [ANNOTATION.peerSessionName]: {
    on: "Pod",
    value: "template",
    about: "kiam's spelling of the session name.",
  },
  [ANNOTATION.sessionName]: {
    on: "Pod",
    value: "template",
    about: "Role session name; {namespace}, {serviceAccount}, {pod} and {podUid} are filled in.",
  },
  [ANNOTATION.sessionDuration]: {
    on: "Pod",
    value: "seconds, or 45m, 1h, 1h30m",
    about: "Length of a session.",
  },
  [ANNOTATION.sessionTags]: {
    on: "Pod",
    value: "JSON object of strings",
    about: "Session tags of AssumeRole.",
  },
  [ANNOTATION.sessionTransitiveTags]: {
    on: "Pod",
    value: "JSON array of strings",
    about: "Keys of session-tags that roles assumed from this session inherit.",
  },
  [ANNOTATION.sessionPolicy]: { on: "Pod", value: "JSON policy document", about: "Inline session policy." },
  [ANNOTATION.sessionPolicyArns]: {
    on: "Pod",
    value: "JSON array of policy ARNs",
    about: "Managed session policies, at most 10: AWS's own or of the role's account.",
  },
  [ANNOTATION.containers]: {
    on: "Pod",
    value: "names, comma-separated",
    about: "Only these containers get credentials.",
  },
  [ANNOTATION.skipContainers]: {
    on: "Pod",
    value: "names, comma-separated",
    about: "These containers get no credentials.",
  },
  [ANNOTATION.region]: { on: "Pod", value: "AWS region", about: "Region of the pod and of its STS calls." },
  [ANNOTATION.start]: {
    on: "Pod",
    value: "wait or now",
    about: "wait: app containers start once credentials are held. now: once the sidecar listens.",
  },
  [ANNOTATION.imds]: {
    on: "Pod",
    alsoOn: {
      Namespace:
        "emulate: the metadata service is emulated in pods that do not say. block: in no pod, whatever it says.",
    },
    value: "block or emulate",
    about:
      "emulate: the sidecar answers in the place of the metadata service, where the injector's configuration allows it.",
  },
  [ANNOTATION.imdsV1]: {
    on: "Pod",
    alsoOn: {
      Namespace:
        "allowed: without a token in emulated pods that do not say. denied: in no pod, whatever it says.",
    },
    value: "denied or allowed",
    about: "Whether the emulated service answers requests without a token (IMDSv1).",
  },
  [ANNOTATION.inject]: { on: "Pod", value: "false", about: "No sidecar for this pod. The guard stays." },
  [ANNOTATION.status]: { on: "Pod", value: "JSON", about: "Written by podrole: what was decided." },
  [ANNOTATION.serviceAccountRole]: {
    on: "ServiceAccount",
    value: "role ARN",
    about: "The role of this account's pods.",
  },
  [ANNOTATION.namespaceDefaultRole]: {
    on: "Namespace",
    value: "role name, path/name or ARN",
    about: "The role of pods that name none.",
  },
  [ANNOTATION.namespaceAllowedRoles]: {
    on: "Namespace",
    value: "JSON array of globs or regular expressions",
    about: "Roles that pods of this namespace may use (kube2iam's form; anchored).",
  },
  [ANNOTATION.namespacePermitted]: {
    on: "Namespace",
    value: "regular expression",
    about: "Role ARNs that pods of this namespace may use (kiam's form; anchored).",
  },
  [ANNOTATION.guard]: {
    on: "Namespace",
    value: "block or off",
    about: "Whether pods of this namespace are guarded.",
  },
  [ANNOTATION.source]: {
    on: "Namespace",
    value: "web-identity, node or ambient",
    about: "Source for this namespace, where the injector's configuration allows it.",
  },
};

const KNOWN = Object.keys(ANNOTATIONS);

/** Keys that are ours, or that somebody may have meant to be: only those are looked at. */
const OURS = /^podrole\.dev\//;
const NEARLY_OURS = /podrole|^iam\.(?:amazon|aws)/;

/** A pod with more odd keys is no slip of the pen, and looking for what each may have meant would take seconds. */
const STRAYS_MAX = 20;

/** Warnings about keys on `object` that would otherwise be silently ignored. */
export function strayAnnotations(on: On, annotations: Readonly<Record<string, unknown>>): readonly Finding[] {
  return Object.keys(annotations)
    .filter((key) => isMisplaced(on, key) || (!isKnown(key) && NEARLY_OURS.test(key)))
    .slice(0, STRAYS_MAX)
    .flatMap((key) => stray(on, key));
}

const specOf = (key: string): AnnotationSpec | undefined => {
  const written = key.startsWith(CONTAINER_ROLE_PREFIX) ? `${CONTAINER_ROLE_PREFIX}<container>` : key;
  return Object.hasOwn(ANNOTATIONS, written) ? ANNOTATIONS[written] : undefined;
};

const isKnown = (key: string): boolean => specOf(key) !== undefined;

const isMisplaced = (on: On, key: string): boolean => {
  const spec = specOf(key);
  return spec !== undefined && spec.on !== on && !(on === "Namespace" && spec.alsoOn !== undefined);
};

function stray(on: On, key: string): readonly Finding[] {
  const spec = specOf(key);
  if (spec !== undefined) {
    const message = `The annotation ${key.slice(0, 120)} has no effect on a ${on}.`;
    return [finding("ANNOTATION_MISPLACED", message, `Put it on the ${spec.on}.`)];
  }
  const meant = nearest(key, KNOWN);
  if (meant === undefined && !OURS.test(key)) return [];
  const remedy = meant === undefined ? "See the annotation reference." : `Did you mean ${meant}?`;
  const message = `The annotation ${key.slice(0, 120)} is not known and has no effect.`;
  return [finding("ANNOTATION_UNKNOWN", message, remedy)];
}
