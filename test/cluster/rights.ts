/** Where podrole's service accounts are. */
const OWN = "podrole-system";

/** Rights of one of podrole's service accounts, as a row of deploy/docs/security.md. */
export interface Rights {
  readonly account: "podrole-injector" | "podrole-controller" | "podrole-broker";
  /** Absent: in every namespace, and for objects that have none. */
  readonly namespace?: typeof OWN;
  readonly verbs: readonly string[];
  /** The API group and the resource: `apps/deployments`, or `pods` for one of the core. */
  readonly resource: string;
  /** Absent: whatever the object's name. */
  readonly names?: readonly string[];
  /** What somebody could do with it. */
  readonly worth: string;
  /** Only with `tls.mode: self-managed`, the default. */
  readonly selfManaged?: true;
  /** Only with `metadataNetworkPolicy.labelled: true`. */
  readonly labelled?: true;
  /** Only with `broker.enabled: true`. */
  readonly broker?: true;
}

/** Everything that podrole's tokens may do in a cluster, beside what every service account may. */
export const RIGHTS: readonly Rights[] = [
  {
    account: "podrole-injector",
    verbs: ["get", "list", "watch"],
    resource: "namespaces",
    worth: "read the rules in annotations",
  },
  {
    account: "podrole-injector",
    verbs: ["get", "list", "watch"],
    resource: "serviceaccounts",
    worth: "read which roles their annotations name",
  },
  {
    account: "podrole-injector",
    verbs: ["list", "watch"],
    resource: "limitranges",
    worth: "read how large containers and pods may be",
  },
  {
    account: "podrole-injector",
    verbs: ["list", "watch"],
    resource: "podrole.dev/rolegrants",
    worth: "read the grants",
  },
  {
    account: "podrole-injector",
    namespace: OWN,
    verbs: ["list", "watch"],
    resource: "configmaps",
    names: ["podrole-config"],
    worth: "read the settings",
  },
  {
    account: "podrole-injector",
    namespace: OWN,
    verbs: ["get"],
    resource: "secrets",
    names: ["podrole-injector-tls"],
    worth: "answer reviews in the injector's place, from a position between it and the API server",
    selfManaged: true,
  },
  {
    account: "podrole-controller",
    verbs: ["list"],
    resource: "podrole.dev/rolegrants",
    worth: "read the grants",
  },
  {
    account: "podrole-controller",
    verbs: ["patch"],
    resource: "podrole.dev/rolegrants/status",
    worth: "write a wrong count into what `kubectl get rolegrants` shows",
  },
  {
    account: "podrole-controller",
    verbs: ["list"],
    resource: "pods",
    worth: "read every pod, with the variables in it",
  },
  {
    account: "podrole-controller",
    verbs: ["get", "patch"],
    resource: "admissionregistration.k8s.io/mutatingwebhookconfigurations",
    names: ["podrole"],
    worth:
      "**everything**: turned to a server of one's own and to all objects, the webhook rewrites whatever is created. No policy is asked about that",
    selfManaged: true,
  },
  {
    account: "podrole-controller",
    namespace: OWN,
    verbs: ["get", "patch"],
    resource: "configmaps",
    names: ["podrole-config"],
    worth:
      "let the admission policies accept other pods, which the webhook still denies, or refuse pods of labelled namespaces and Services of all. The policy `podrole-controller` refuses a change of the settings, and their removal",
  },
  {
    account: "podrole-controller",
    namespace: OWN,
    verbs: ["get"],
    resource: "apps/deployments",
    names: ["podrole-injector"],
    worth: "read it",
  },
  {
    account: "podrole-controller",
    namespace: OWN,
    verbs: ["get", "update"],
    resource: "secrets",
    names: ["podrole-injector-tls", "podrole-controller-ca"],
    worth: "answer reviews in the injector's place, and sign certificates for that",
    selfManaged: true,
  },
  {
    account: "podrole-controller",
    namespace: OWN,
    verbs: ["create"],
    resource: "secrets",
    worth: "create those two again. The policy `podrole-controller` refuses others",
    selfManaged: true,
  },
  {
    account: "podrole-controller",
    verbs: ["list", "watch"],
    resource: "namespaces",
    worth: "read the rules in annotations",
    labelled: true,
  },
  {
    account: "podrole-controller",
    verbs: ["list", "watch", "create", "patch", "delete"],
    resource: "networking.k8s.io/networkpolicies",
    names: ["podrole-metadata"],
    worth:
      "write the same as the controller. The policy `podrole-controller-metadata` refuses other rules, namespaces without the label, and removal from those with it",
    labelled: true,
  },
  {
    account: "podrole-controller",
    verbs: ["get"],
    resource: "rbac.authorization.k8s.io/clusterroles",
    names: ["podrole-controller-metadata"],
    worth: "read it",
    labelled: true,
  },
  {
    account: "podrole-controller",
    namespace: OWN,
    verbs: ["get", "update"],
    resource: "secrets",
    names: ["podrole-broker-tls", "podrole-broker-ca"],
    worth:
      "answer sidecars in the broker's place, and sign certificates for that. The policy `podrole-controller` lets it write certificates into the setting `brokerCa`, and change no other",
    broker: true,
  },
  {
    account: "podrole-broker",
    verbs: ["create"],
    resource: "authentication.k8s.io/tokenreviews",
    worth: "learn whether a token is valid, and whose it is",
    broker: true,
  },
  {
    account: "podrole-broker",
    verbs: ["get"],
    resource: "pods",
    worth: "read every pod whose name is known, with the variables in it",
    broker: true,
  },
  {
    account: "podrole-broker",
    verbs: ["get", "list", "watch"],
    resource: "namespaces",
    worth: "read the rules in annotations",
    broker: true,
  },
  {
    account: "podrole-broker",
    verbs: ["list", "watch"],
    resource: "podrole.dev/rolegrants",
    worth: "read the grants",
    broker: true,
  },
  {
    account: "podrole-broker",
    namespace: OWN,
    verbs: ["list", "watch"],
    resource: "configmaps",
    names: ["podrole-config"],
    worth: "read the settings",
    broker: true,
  },
  {
    account: "podrole-broker",
    namespace: OWN,
    verbs: ["get"],
    resource: "secrets",
    names: ["podrole-broker-tls"],
    worth: "give sidecars sessions of one's own in the broker's place, and take the tokens that they show it",
    broker: true,
  },
];

type Feature = "labelled" | "broker";

/** The rights of an installation with the chart's defaults, and with what is turned on. */
export const rightsWith = (...on: readonly Feature[]): readonly Rights[] =>
  RIGHTS.filter((right) =>
    (["labelled", "broker"] as const).every((one) => right[one] !== true || on.includes(one)),
  );

export const DEFAULT_RIGHTS = rightsWith();

/** Each right by itself: `podrole-injector podrole-system get secrets podrole-injector-tls`, `*` for all. */
export const linesOf = (rights: readonly Rights[]): readonly string[] =>
  rights
    .flatMap(({ account, namespace = "*", verbs, resource, names = ["*"] }) =>
      verbs.flatMap((verb) => names.map((name) => [account, namespace, verb, resource, name].join(" "))),
    )
    .toSorted();
