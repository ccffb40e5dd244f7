import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { TOKEN_VOLUME } from "../../../../sidecar/contract/pod.ts";
import { parseRoleArn } from "../../../model/arn.ts";
import { isLabelled } from "../../../model/facts.ts";
import { annotation } from "../../../model/annotations.ts";
import { fieldsIn, isRecord, metadataOf, nameOf, own, type Fields } from "../../../model/read.ts";
import { serviceAccountIn } from "../../../model/pod.ts";
import { note, type Note } from "../note.ts";
import { associationNotes, sessionPolicyNote } from "./association-notes.ts";
import { hasItsPolicy, type Association } from "./associations.ts";
import { keyed } from "./kube2iam.ts";
import { NO_ROLE, type Now, type Origin } from "./origin.ts";
import { isObjectOf, isOn, type Flags } from "./tool-args.ts";

/** The label of pods by which the webhook leaves them alone. */
export const SKIP_LABEL = "eks.amazonaws.com/skip-pod-identity-webhook";
const SKIPPED = {
  now: { kind: "none", why: `its label ${SKIP_LABEL} keeps IRSA from it` },
  notes: [],
} as const;

export const BY_IRSA = "IRSA";
const BY_CONFIG_MAP = "IRSA's ConfigMap";
/** As {@link Now} says by what a pod has its role, where it calls STS with its own token. */
export const IRSA: ReadonlySet<string> = new Set([BY_IRSA, BY_CONFIG_MAP]);

export const IRSA_IMAGE = /(?:^|\/)(?:amazon-)?(?:eks-)?pod-identity-webhook$/;

/** Flags without a value that podrole looks at, or that could be followed by one of them: main.go of amazon-eks-pod-identity-webhook. */
export const IRSA_SWITCHES: ReadonlySet<string> = new Set([
  "add_dir_header",
  "alsologtostderr",
  "compose-role-arn",
  "enable-debugging-handlers",
  "in-cluster",
  "logtostderr",
  "one_output",
  "skip_headers",
  "skip_log_headers",
  "sts-regional-endpoint",
  "version",
  "watch-config-map",
]);

/** Roles by service account, `namespace/name`; in the webhook's ConfigMap the namespace may be `*`. */
export type RolesByAccount = ReadonlyMap<string, string>;

export interface IrsaParts {
  readonly found: readonly string[];
  readonly associations: readonly Association[];
  readonly configMap: RolesByAccount;
}

/** IRSA, and EKS Pod Identity, which the same webhook serves: an association goes before the service account's annotation. */
export function irsa(flags: Flags, { found, associations, configMap }: IrsaParts): Origin {
  const prefix = flags.get("annotation-prefix") ?? "eks.amazonaws.com";
  const key = `${prefix}/role-arn`;
  const findsBase = isOn(flags, "compose-role-arn");
  const byAccount = new Map(associations.map((one) => [`${one.namespace}/${one.serviceAccount}`, one]));
  const settings = {
    ...(findsBase ? { baseRoleArn: "auto" } : {}),
    ...(key === ANNOTATION.serviceAccountRole ? {} : { serviceAccountKey: key }),
    ...keyed("region", flags.get("aws-default-region"), ""),
    ...keyed("tokenAudience", flags.get("token-audience"), TOKEN_VOLUME.audience),
    policy: "listed",
  };
  return {
    name: "irsa",
    found,
    settings,
    notes: associationNotes(associations),
    findsBase,
    intercepts: false,
    nowOf:
      (base) =>
      ({ pod, facts: { namespace, serviceAccount } }) => {
        // In a namespace with podrole's label, the migration has set it.
        const isSkipped = own(fieldsIn(metadataOf(pod), "labels"), SKIP_LABEL) === "true";
        if (isSkipped && !isLabelled({ namespace })) return SKIPPED;
        const name = serviceAccountIn(pod);
        const association = byAccount.get(`${namespace.name}/${name}`);
        const named = annotation(serviceAccount?.annotations, key);
        const fromMap = configMap.get(`${namespace.name}/${name}`) ?? configMap.get(`*/${name}`);
        const role = (arn: string, by: string): { readonly now: Now; readonly notes: readonly Note[] } => ({
          now: { kind: "role", arn, by },
          notes: [],
        });
        if (association !== undefined) {
          const ofAssociation = byAssociation(pod, association);
          if (named === undefined || named === association.role) return ofAssociation;
          const message = `An association gives service account ${namespace.name}/${name} ${association.role}, and its annotation ${key} names ${JSON.stringify(named.slice(0, 120))}. EKS takes the association's; podrole takes the annotation's.`;
          return { ...ofAssociation, notes: [...ofAssociation.notes, note("NAMED_TWICE", message)] };
        }
        // Without an `arn:` in it, the webhook completes the name; where it may not, the SDK fails.
        if (named !== undefined && named !== "")
          return role(named.includes("arn:") || !findsBase ? named : `${base ?? ""}${named}`, BY_IRSA);
        if (fromMap !== undefined) return role(fromMap, BY_CONFIG_MAP);
        return NO_ROLE;
      },
  };
}

function byAssociation(
  pod: Fields,
  association: Association,
): { readonly now: Now; readonly notes: readonly Note[] } {
  const has = { arn: association.role, by: "an EKS Pod Identity association" };
  if (association.policy === undefined) return { now: { kind: "role", ...has }, notes: [] };
  const isAsked = hasItsPolicy(pod, association);
  const why = "the association limits it by a session policy that the pod template does not have";
  return {
    now: isAsked ? { kind: "role", ...has } : { kind: "kept", ...has, why },
    notes: [sessionPolicyNote(association, isAsked)],
  };
}

/** The roles in the webhook's ConfigMap, as `populateCacheFromCM` in pkg/cache/cache.go reads it; none of one that cannot be read. */
export function rolesInConfigMap(objects: readonly Fields[]): RolesByAccount {
  const map = objects.find(
    (one) => isObjectOf(one, "v1", "ConfigMap") && nameOf(one) === "pod-identity-webhook",
  );
  const text = map === undefined ? undefined : own(fieldsIn(map, "data"), "config");
  let parsed: unknown;
  try {
    parsed = JSON.parse(typeof text === "string" ? text : "{}");
  } catch {
    return new Map();
  }
  if (!isRecord(parsed)) return new Map();
  return new Map(
    Object.entries(parsed).flatMap(([key, value]): [string, string][] => {
      const role = isRecord(value) ? own(value, "RoleARN") : undefined;
      return typeof role === "string" && parseRoleArn(role) !== undefined && /^[^/]+\/[^/]+$/.test(key)
        ? [[key, role]]
        : [];
    }),
  );
}
