import { ENV } from "../../sidecar/contract/env.ts";
import { imdsFactVariable, METADATA_ADDRESSES, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import { normalAddress } from "../../sidecar/kit/address.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { ImdsFactSetting } from "../config/pod-kinds.ts";
import type { SidecarIntent } from "../decide/decide.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { ImdsIntent } from "../decide/imds.ts";
import { envVar, fieldVar, type Container, type EnvVar, type Pod } from "../model/pod.ts";
import { own, recordsIn, strings } from "../model/read.ts";

/** What guard and sidecar are told alike. */
export const imdsMode = ({ imdsPort }: Pick<InjectorConfig, "imdsPort">): readonly EnvVar[] => [
  { name: ENV.imds, value: "emulate" },
  { name: ENV.imdsPort, value: String(imdsPort) },
];

/** Kubernetes 1.35 and later put these two of its node's labels on a pod; before, they are empty, and no facts. */
const TOPOLOGY: readonly ImdsFactSetting[] = [
  { fact: "region", label: "topology.kubernetes.io/region" },
  { fact: "availabilityZone", label: "topology.kubernetes.io/zone" },
];

/**
 * What the sidecar is told of the service that it stands in for. Labels and addresses are known only once the pod is on its
 * node, so the kubelet fills them in; neither can hold a character that JSON would have escaped.
 */
export function imdsEnv(
  { v1 }: ImdsIntent,
  { region, source }: Pick<SidecarIntent, "region" | "source">,
  config: Pick<InjectorConfig, "imdsPort" | "imdsFacts" | "imdsNodePaths">,
): readonly EnvVar[] {
  // What is known of the pod wins over what the cluster's labels say, and what an admin has set over both.
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
    ...(source === "node" && config.imdsNodePaths.length > 0
      ? [{ name: ENV.imdsNodePaths, value: config.imdsNodePaths.join(",") }]
      : []),
  ];
}

/** Names that EC2's own service goes by, which the sidecar knows too. */
const OWN_NAMES = new Set(["instance-data", "instance-data.ec2.internal"]);

/** Where clients of an emulated service would not find it, by what the container or the pod has set. */
export function imdsShadowed({ spec }: Pod, containers: readonly Container[]): readonly Finding[] {
  const variables = containers.flatMap((container) =>
    ["AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
      .filter((name) => {
        const variable = envVar(container, name);
        return variable !== undefined && variable.value?.toLowerCase() !== "false";
      })
      .map((name) =>
        finding(
          "IMDS_SHADOWED",
          `Container ${JSON.stringify(container.name)} sets ${name}, so AWS SDKs in it do not ask the emulated service.`,
          `Take ${name} off the container, if they are to.`,
        ),
      ),
  );
  const metadata: readonly string[] = METADATA_ADDRESSES;
  const aliases = recordsIn(spec, "hostAliases").flatMap((alias) => {
    const ip = own(alias, "ip");
    const isMetadata = typeof ip === "string" && metadata.includes(normalAddress(ip) ?? "");
    return strings(own(alias, "hostnames"))
      .filter((name) => OWN_NAMES.has(name) !== isMetadata)
      .map((name) =>
        finding(
          "IMDS_SHADOWED",
          isMetadata
            ? `The pod's hostAliases call the metadata service ${JSON.stringify(name.slice(0, 80))}, a name under which the sidecar refuses to answer.`
            : `The pod's hostAliases lead ${JSON.stringify(name.slice(0, 80))} away from the metadata service's address.`,
          "Ask the service by its address, and take the alias off.",
        ),
      );
  });
  return [...variables, ...aliases];
}
