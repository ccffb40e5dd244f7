import { ENV } from "../../sidecar/contract/env.ts";
import { imdsFactVariable, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { ImdsFactSetting } from "../config/pod-kinds.ts";
import type { ImdsIntent } from "../decide/imds.ts";
import { type EnvVar, fieldVar } from "../model/pod.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import type { SidecarIntent } from "../decide/intent.ts";

/** The variables of the emulation that guard and sidecar share. */
export const imdsMode = ({ imdsPort }: Pick<InjectorConfig, "imdsPort">): readonly EnvVar[] => [
  { name: ENV.imds, value: "emulate" },
  { name: ENV.imdsPort, value: String(imdsPort) },
];

/** Kubernetes 1.35 and later copy these two labels of the node to the pod. Earlier versions leave the values empty. */
const TOPOLOGY: readonly ImdsFactSetting[] = [
  { fact: "region", label: "topology.kubernetes.io/region" },
  { fact: "availabilityZone", label: "topology.kubernetes.io/zone" },
];

/**
 * The sidecar's variables for the emulated metadata service. Labels and addresses are known only once the pod is on its
 * node, so the kubelet fills them in. Neither can contain a character that JSON must escape.
 */
export function imdsEnv(
  { v1 }: ImdsIntent,
  { region, source }: Pick<SidecarIntent, "region" | "source">,
  config: Pick<InjectorConfig, "imdsPort" | "imdsFacts" | "imdsNodePaths">,
): readonly EnvVar[] {
  // In rising order of precedence: the cluster's labels, the pod's region, the admin's settings.
  const settings = new Map<ImdsFact, ImdsFactSetting>(TOPOLOGY.map((one) => [one.fact, one]));
  if (region !== undefined) settings.set("region", { fact: "region", value: region });
  for (const one of config.imdsFacts) settings.set(one.fact, one);
  const labelled = [...settings.values()].flatMap((one) => ("label" in one ? [one] : []));
  const texts = [...settings.values()].map((one): [string, string] => [
    one.fact,
    "label" in one ? `$(${imdsFactVariable(one.fact)})` : one.value,
  ]);
  const facts = { podIps: `$(${ENV.imdsPodIps})`, ...Object.fromEntries(texts) };
  return [
    ...imdsMode(config),
    { name: ENV.imdsV1, value: v1 },
    fieldVar(ENV.imdsPodIps, "status.podIPs"),
    ...labelled.map(({ fact, label }) => fieldVar(imdsFactVariable(fact), `metadata.labels['${label}']`)),
    { name: ENV.imdsFacts, value: JSON.stringify(facts) },
    ...(SOURCE_KINDS[source].opensGuard && config.imdsNodePaths.length > 0
      ? [{ name: ENV.imdsNodePaths, value: config.imdsNodePaths.join(",") }]
      : []),
  ];
}
