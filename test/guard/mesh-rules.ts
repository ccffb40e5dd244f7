import { readFileSync } from "node:fs";
import type { Container, Pod } from "../../injector/model/pod.ts";
import { app, pod } from "../support/pods.ts";
import { file, type Lab } from "./lab.ts";

/** A mesh's redirect as its own program wrote it, and a pod that its webhook has seen. */
export interface MeshRules {
  readonly name: string;
  /** Puts the rules into the lab's pod, where no proxy runs. */
  readonly apply: (lab: Lab) => Promise<void>;
  readonly pod: Pod;
  /** The uid of the mesh's proxy, and the group whose connections the rules leave alone. */
  readonly proxyId: number;
  /** Where the rules lead what the pod sends. */
  readonly outbound: number;
}

export const VERSIONS = [
  ["v4", "iptables"],
  ["v6", "ip6tables"],
] as const;

const written = (name: string): string => readFileSync(file(`mesh/${name}`), "utf8");

/** The rules of a file, without the line that says who wrote them. */
export const recorded = (name: string): string => written(name).replace(/^#.*\n/, "");

const restoring =
  (name: string, backEnd: "nft" | "legacy") =>
  async (lab: Lab): Promise<void> => {
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

export const MESHES: readonly MeshRules[] = [
  { name: "Istio, by iptables-nft", apply: restoring("istio", "nft"), ...istio },
  { name: "Istio, by iptables-legacy", apply: restoring("istio", "legacy"), ...istio },
  { name: "Istio, by nftables", apply: (lab) => lab.nft(written("istio-nftables.nft")), ...istio },
  { name: "Linkerd, by iptables-nft", apply: restoring("linkerd", "nft"), ...linkerd },
  { name: "Linkerd, by iptables-legacy", apply: restoring("linkerd", "legacy"), ...linkerd },
];
