import type { Container, Pod } from "../../injector/model/pod.ts";

/** The downward API's values for the pod of these tests. */
export const DOWNWARD: Readonly<Record<string, string>> = {
  "metadata.namespace": "shop",
  "metadata.name": "web-5d5f-x7f2q",
  "metadata.uid": "5a2f1c1e-0000-4000-8000-000000000001",
  "spec.serviceAccountName": "default",
  "status.podIP": "10.0.0.7",
  "status.podIPs": "10.0.0.7,fd00::7",
  "metadata.labels['topology.kubernetes.io/zone']": "eu-west-1b",
  "status.hostIP": "10.0.0.1",
};

/** A container's environment by the kubelet's rules: `$$` is a dollar sign, and `$(NAME)` an earlier variable. */
export function startedWith(pod: Pod, name: string): Readonly<Record<string, string>> {
  const all: readonly Container[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const env: Record<string, string> = { HOSTNAME: "the-host", PATH: "/usr/bin" };
  for (const variable of all.find((container) => container.name === name)?.env ?? []) {
    const from = variable.valueFrom as { fieldRef?: { fieldPath: string } } | undefined;
    if (from === undefined) env[variable.name] = expanded(variable.value ?? "", env);
    // In these tests, a Secret has every requested key.
    else env[variable.name] = from.fieldRef ? (DOWNWARD[from.fieldRef.fieldPath] ?? "") : "from-a-secret";
  }
  return env;
}

const expanded = (value: string, env: Readonly<Record<string, string>>): string =>
  value.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole: string, rest: string, name: string | undefined) =>
    rest === "$" ? "$" : (env[name ?? ""] ?? whole),
  );
