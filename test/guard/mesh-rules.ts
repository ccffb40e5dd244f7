import { readFileSync } from "node:fs";
import type { Container, Pod } from "../../injector/model/pod.ts";
import { app, pod } from "../support/pods.ts";
import { file, type Lab } from "./lab.ts";

type PodOfLab = Pick<Lab, "inPod" | "nft">;

/** A mesh's redirect as its own program wrote it, and a pod that its webhook has seen. */
export interface MeshRules {
  readonly name: string;
  /** Puts the rules into the lab's pod, where no proxy runs. */
  readonly apply: (lab: PodOfLab) => Promise<void>;
  readonly pod: Pod;
  /** The uid of the mesh's proxy, and the group whose connections the rules leave alone. */
  readonly proxyId: number;
  /** Where the rules lead what the pod sends. */
  readonly outbound: number;
  /** Why these rules cannot be had here. */
  readonly lacks?: string | undefined;
}

const VERSIONS = [
  ["v4", "iptables"],
  ["v6", "ip6tables"],
] as const;

const written = (name: string): string => readFileSync(file(`mesh/${name}`), "utf8");

/** Puts the recorded rules of that name into the pod. */
export const restoring =
  (name: string, backEnd: "nft" | "legacy") =>
  async (lab: PodOfLab): Promise<void> => {
    for (const [version, program] of VERSIONS) {
      const restore = [`${program}-${backEnd}-restore`, "--noflush"];
      const { code, stderr } = await lab.inPod(restore, { input: written(`${name}.${version}.rules`) });
      if (code !== 0) throw new Error(`the rules of ${name} were not applied: ${stderr}`);
    }
  };

const proxy = (name: string, id: number, group = {}): Container => ({
  name,
  image: "mesh/proxy:1",
  ["restartPolicy"]: "Always",
  securityContext: { runAsUser: id, ...group },
});
const podWith = (container: Container): Pod => pod({ initContainers: [container], containers: [app] });

const istio = {
  pod: podWith(proxy("istio-proxy", 1337, { runAsGroup: 1337 })),
  proxyId: 1337,
  outbound: 15_001,
};
/** As Linkerd's webhook writes it by default: without a group. podrole tells the CNI plugin of one. */
const linkerd = { pod: podWith(proxy("linkerd-proxy", 2102)), proxyId: 2102, outbound: 4140 };

/** Runs the mesh's own program, which an environment variable names. */
const byProgram = (
  variable: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Pick<MeshRules, "apply" | "lacks"> => {
  const program = process.env[variable];
  return {
    lacks: program ? undefined : `${variable} names no program`,
    apply: async (lab) => {
      const { code, stdout, stderr } = await lab.inPod([program ?? "", ...args], {
        env: { PATH: process.env["PATH"], ...env },
      });
      if (code !== 0) throw new Error(`${program} ended with ${code}: ${stdout}${stderr}`);
    },
  };
};

/** As Istio's CNI plugin has them by default, and as Linkerd's does when a pod's annotation names the group. */
const ISTIO_ARGS = "-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090,15021,15020";
const LINKERD_ARGS =
  "--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save --incoming-proxy-port 4143 --outgoing-proxy-port 4140 " +
  "--proxy-uid 2102 --proxy-gid 2102 --inbound-ports-to-ignore 4190,4191,4567,4568 --outbound-ports-to-ignore 4567,4568";

export const MESHES: readonly MeshRules[] = [
  { name: "Istio, by iptables-nft", apply: restoring("istio", "nft"), ...istio },
  { name: "Istio, by iptables-legacy", apply: restoring("istio", "legacy"), ...istio },
  { name: "Istio, by nftables", apply: (lab) => lab.nft(written("istio-nftables.nft")), ...istio },
  { name: "Linkerd, by iptables-nft", apply: restoring("linkerd", "nft"), ...linkerd },
  { name: "Linkerd, by iptables-legacy", apply: restoring("linkerd", "legacy"), ...linkerd },
  {
    name: "Istio, by its own program",
    ...byProgram("PODROLE_ISTIO_IPTABLES", ISTIO_ARGS.split(" "), { ISTIO_DUAL_STACK: "true" }),
    ...istio,
  },
  {
    name: "Linkerd, by its own program",
    ...byProgram("PODROLE_LINKERD_PROXY_INIT", LINKERD_ARGS.split(" ")),
    ...linkerd,
  },
];
