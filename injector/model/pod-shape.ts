import type { Pod } from "./pod.ts";
import { podExcess } from "./pod-size.ts";
import { isRecord, own } from "./read.ts";

/** Says which field has a wrong value; undefined if none has. Null counts as absent, as in Kubernetes. */
type Check = (value: unknown, at: string) => string | undefined;

const scalar =
  (type: "string" | "boolean" | "number"): Check =>
  (value, at) =>
    value === undefined || value === null || typeof value === type ? undefined : `${at} is not a ${type}`;

const text = scalar("string");
const flag = scalar("boolean");
const number = scalar("number");

const must =
  (check: Check): Check =>
  (value, at) =>
    value === undefined || value === null ? `${at} is missing` : check(value, at);

const list =
  (check: Check): Check =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) return `${at} is not a list`;
    for (const [index, entry] of value.entries()) {
      const problem = must(check)(entry, `${at}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) return `${at} is not an object`;
    for (const [key, check] of Object.entries(fields)) {
      const problem = check(own(value, key), `${at}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

const mapOf =
  (check: Check): Check =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) return `${at} is not an object`;
    for (const [key, entry] of Object.entries(value)) {
      const problem = check(entry, `${at}[${JSON.stringify(key.slice(0, 80))}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

/** What a security context of a pod and one of a container have in common. */
const profiles = {
  runAsUser: number,
  runAsGroup: number,
  seccompProfile: object({ type: text }),
  appArmorProfile: object({ type: text }),
  seLinuxOptions: object({ type: text, user: text, role: text }),
  windowsOptions: object({ hostProcess: flag }),
};

/** A probe, or what a lifecycle hook does. */
const handler = object({ httpGet: object({ host: text }), tcpSocket: object({ host: text }) });

const container = object({
  name: must(text),
  image: text,
  restartPolicy: text,
  env: list(object({ name: must(text), value: text })),
  envFrom: list(object({})),
  volumeMounts: list(object({ name: must(text), mountPath: must(text), readOnly: flag })),
  ports: list(object({ hostPort: number })),
  livenessProbe: handler,
  readinessProbe: handler,
  startupProbe: handler,
  lifecycle: object({ postStart: handler, preStop: handler }),
  securityContext: object({
    ...profiles,
    privileged: flag,
    allowPrivilegeEscalation: flag,
    runAsNonRoot: flag,
    procMount: text,
    capabilities: object({ add: list(text), drop: list(text) }),
  }),
});

const pod = must(
  object({
    metadata: object({
      name: text,
      generateName: text,
      namespace: text,
      labels: mapOf(text),
      annotations: mapOf(text),
    }),
    spec: must(
      object({
        containers: list(container),
        initContainers: list(container),
        ephemeralContainers: list(container),
        volumes: list(object({ name: must(text), hostPath: object({ path: text }) })),
        serviceAccountName: text,
        serviceAccount: text,
        hostNetwork: flag,
        hostPID: flag,
        hostIPC: flag,
        hostUsers: flag,
        shareProcessNamespace: flag,
        securityContext: object({
          ...profiles,
          sysctls: list(object({ name: must(text) })),
          fsGroup: number,
          supplementalGroups: list(number),
        }),
        os: object({ name: text }),
        nodeSelector: mapOf(text),
      }),
    ),
  }),
);

/**
 * Where an object is not a pod in a field that a decision rests on, such as `pod.spec.containers[0].name is missing`, or
 * what it has too much of.
 */
export const podProblem = (value: unknown): string | undefined =>
  pod(value, "pod") ?? podExcess(value as Pod);
