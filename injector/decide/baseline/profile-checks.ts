import { named, type SecurityProfiles } from "../../model/pod.ts";
import type { Subject, Violation } from "./control.ts";

/** The checks of seccomp, AppArmor and SELinux: fields of the pod and of each container, and the annotations before them. */

interface Place {
  readonly who: () => string;
  readonly context: SecurityProfiles;
}

const places = ({ pod, containers }: Subject): readonly Place[] =>
  [
    { who: () => "The pod", context: pod.spec.securityContext },
    ...containers.map((one) => ({ who: () => named(one), context: one.securityContext })),
  ].flatMap(({ who, context }) => (context == null ? [] : [{ who, context }]));

/** The annotations whose keys begin with one of these. */
function annotationsOf(
  { pod }: Subject,
  ...starts: readonly string[]
): readonly (readonly [string, string])[] {
  const annotations = pod.metadata?.annotations ?? {};
  return Object.keys(annotations)
    .filter((key) => starts.some((start) => key.startsWith(start)))
    .map((key) => [key, annotations[key] ?? ""]);
}

const byAnnotation = ([key, value]: readonly [string, string]): Violation => ({
  what: `The pod's annotation ${key.slice(0, 120)} is ${JSON.stringify(value.slice(0, 60))}`,
  remedy: "Remove the annotation",
});

const TYPES: ReadonlySet<string> = new Set(["RuntimeDefault", "Localhost"]);

const byField = (subject: Subject, field: "seccompProfile" | "appArmorProfile"): readonly Violation[] =>
  places(subject)
    .filter(({ context }) => context[field] != null && !TYPES.has(context[field].type ?? ""))
    .map(({ who, context }) => ({
      what: `${who()} has ${field}.type ${JSON.stringify(context[field]?.type ?? "")}`,
      remedy: `Set ${field}.type to RuntimeDefault`,
    }));

/** Read by API servers before 1.27. */
const SECCOMP_OF_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";

export const seccomp = (subject: Subject): readonly Violation[] => [
  ...byField(subject, "seccompProfile"),
  ...annotationsOf(subject, SECCOMP_OF_POD, SECCOMP_OF_CONTAINER)
    .filter(([key]) => key === SECCOMP_OF_POD || key.startsWith(SECCOMP_OF_CONTAINER))
    .filter(([, value]) => !/^(?:(?:runtime|docker)\/default$|localhost\/)/.test(value))
    .map(byAnnotation),
];

/** With a container's name after it. Read by API servers before 1.30, and copied into the container's field by later ones. */
export const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

export const appArmor = (subject: Subject): readonly Violation[] => [
  ...byField(subject, "appArmorProfile"),
  ...annotationsOf(subject, APPARMOR_ANNOTATION)
    .filter(([, value]) => !/^(?:$|runtime\/default$|localhost\/)/.test(value))
    .map(byAnnotation),
];

const SELINUX_TYPES: ReadonlySet<string> = new Set([
  "",
  "container_t",
  "container_init_t",
  "container_kvm_t",
  "container_engine_t",
]);

export const seLinux = (subject: Subject): readonly Violation[] =>
  places(subject).flatMap(({ who, context }) => {
    const { type, user, role } = context.seLinuxOptions ?? {};
    const set = [
      ...(SELINUX_TYPES.has(type ?? "") ? [] : ["type"]),
      ...((user ?? "") === "" ? [] : ["user"]),
      ...((role ?? "") === "" ? [] : ["role"]),
    ];
    return set.map((field) => ({
      what: `${who()} sets seLinuxOptions.${field}`,
      remedy: `Remove ${field} from seLinuxOptions`,
    }));
  });
