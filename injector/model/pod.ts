import { isRecord, own } from "./read.ts";

/**
 * Kubernetes objects as the plain JSON they arrive in. Not client-node's V1Pod: that is a class with Date fields which
 * drops what it does not know, and a field dropped here is a field lost from somebody's pod. Only what we read is
 * named; the rest is carried along untouched by the index signature.
 *
 * Nothing here has been validated but the shape: {@link asPod} is the only way from `unknown` to a Pod.
 */

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: unknown;
  readonly [key: string]: unknown;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly [key: string]: unknown;
}

/** What a security context of a pod and one of a container have in common. */
export interface SecurityProfiles {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly seccompProfile?: { readonly type?: string } | null;
  readonly appArmorProfile?: { readonly type?: string } | null;
  readonly seLinuxOptions?: { readonly type?: string; readonly user?: string; readonly role?: string };
  readonly windowsOptions?: { readonly hostProcess?: boolean };
  readonly [key: string]: unknown;
}

export interface SecurityContext extends SecurityProfiles {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly procMount?: string;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

/** A probe, or what a lifecycle hook does. */
export interface Handler {
  readonly httpGet?: { readonly host?: string; readonly [key: string]: unknown } | null;
  readonly tcpSocket?: { readonly host?: string; readonly [key: string]: unknown } | null;
  readonly [key: string]: unknown;
}

export interface PodSecurityContext extends SecurityProfiles {
  readonly fsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly sysctls?: readonly { readonly name: string }[];
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly unknown[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly ports?: readonly { readonly hostPort?: number; readonly [key: string]: unknown }[];
  readonly livenessProbe?: Handler | null;
  readonly readinessProbe?: Handler | null;
  readonly startupProbe?: Handler | null;
  readonly lifecycle?: { readonly postStart?: Handler | null; readonly preStop?: Handler | null } | null;
  readonly securityContext?: SecurityContext;
  readonly [key: string]: unknown;
}

export interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path?: string } | null;
  readonly [key: string]: unknown;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly serviceAccount?: string;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly shareProcessNamespace?: boolean;
  readonly hostUsers?: boolean;
  readonly securityContext?: PodSecurityContext;
  readonly os?: { readonly name?: string };
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export interface Pod {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
  readonly spec: PodSpec;
  readonly status?: { readonly phase?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** One list that holds containers, and where in a pod it stands. */
export type ContainerList = "initContainers" | "containers" | "ephemeralContainers";

const LISTS: readonly ContainerList[] = ["initContainers", "containers", "ephemeralContainers"];

/** Every container of the pod with the list it is in, in the order the kubelet starts them. */
export const allContainers = (
  spec: PodSpec,
): readonly { readonly list: ContainerList; readonly container: Container }[] =>
  LISTS.flatMap((list) => (spec[list] ?? []).map((container) => ({ list, container })));

/** As in Kubernetes, the field's old name counts where the new one is empty, and `default` where both are. */
export const serviceAccountOf = ({ spec }: Pod): string =>
  spec.serviceAccountName || spec.serviceAccount || "default";

/** The same for an object that nobody has checked yet: facts are looked up before it is known to be a pod. */
export function serviceAccountIn(object: unknown): string {
  const spec = isRecord(object) ? own(object, "spec") : undefined;
  const names = isRecord(spec) ? [own(spec, "serviceAccountName"), own(spec, "serviceAccount")] : [];
  return names.find((name): name is string => typeof name === "string" && name !== "") ?? "default";
}

/** A literal for the kubelet, which expands `$(NAME)` in every value and takes `$$` for a dollar sign. */
export const literal = (name: string, value: string): EnvVar => ({
  name,
  value: value.replaceAll("$", "$$$$"),
});

/** A variable that the kubelet fills in, with the value of a Secret in the pod's namespace. */
export const secretVar = (name: string, secret: string, key: string): EnvVar => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key } },
});

/** A variable that the kubelet fills in, with a field of the pod. */
export const fieldVar = (name: string, fieldPath: string): EnvVar => ({
  name,
  valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } },
});

/** The variable's last entry: where a name stands twice, the kubelet lets the later one win. */
export const envVar = (container: Container, name: string): EnvVar | undefined =>
  container.env?.findLast((variable) => variable.name === name);

/** A container as findings call it. */
export const named = ({ name }: Pick<Container, "name">): string => `Container ${JSON.stringify(name)}`;
