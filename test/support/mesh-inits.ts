import type { Container } from "../../injector/model/pod.ts";

/** The init containers of service meshes, as their webhooks write them. */

export const ISTIO_LINE =
  "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020 --log_output_level=default:info";

/** Of Istio's own test data (pkg/kube/inject/testdata/inject/hello.yaml.injected). */
export const istioInit: Container = {
  name: "istio-init",
  image: "docker.io/istio/proxyv2:1.30.0",
  args: ISTIO_LINE.split(" "),
  resources: { limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "100m", memory: "128Mi" } },
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
    privileged: false,
    readOnlyRootFilesystem: false,
    runAsGroup: 0,
    runAsNonRoot: false,
    runAsUser: 0,
  },
};

const LOCK = "linkerd-proxy-init-xtables-lock";

export const LINKERD_LINE =
  "--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save --ipv6=false --incoming-proxy-port 4143 --outgoing-proxy-port 4140 --proxy-uid 2102 --inbound-ports-to-ignore 4190,4191,4567,4568 --outbound-ports-to-ignore 4567,4568";

/** Of Linkerd's (cli/cmd/testdata/inject_emojivoto_pod.golden.yml). It needs the volume of {@link lockVolume}. */
export const linkerdInit: Container = {
  name: "linkerd-init",
  image: "cr.l5d.io/linkerd/proxy:edge-26.8.1",
  imagePullPolicy: "IfNotPresent",
  command: ["/usr/lib/linkerd/linkerd2-proxy-init"],
  args: LINKERD_LINE.split(" "),
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { add: ["NET_ADMIN", "NET_RAW"] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: 65_534,
    runAsNonRoot: true,
    runAsUser: 65_534,
    seccompProfile: { type: "RuntimeDefault" },
  },
  terminationMessagePolicy: "FallbackToLogsOnError",
  volumeMounts: [{ name: LOCK, mountPath: "/run" }],
};

export const lockVolume = { name: LOCK, emptyDir: {} };

/** As the setting meshInitImages is written. */
export const MESH_IMAGES = ["istio=docker.io/istio/proxyv2", "linkerd=cr.l5d.io/linkerd/proxy"] as const;

/** Other arguments that a mesh's webhook writes, in its own test data or by its template. */
export const MESH_LINES: readonly (readonly [Container, string])[] = [
  [
    istioInit,
    "istio-iptables -p 15001 -z 15006 -u 1234 -m REDIRECT -i * -x  -b * -d 15090,15021 --log_output_level=default:info",
  ],
  [
    istioInit,
    "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i 127.0.0.1/24,10.96.0.1/24 -x 10.96.0.2/24,10.96.0.3/24 -b 1,2,3 -d 15090,15021,4,5,6,15020 -o 7,8,9 --log_output_level=default:info",
  ],
  [
    istioInit,
    "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i  -x fd00::/8 -b  -d 15090,15021,4,5,6,15020 --log_output_level=default:info",
  ],
  [
    istioInit,
    "istio-iptables -p 15001 -z 15006 -u 1000730001 -m REDIRECT -i * -x  -b * -d 15090,15021,15020 -q 443 -o  -c net1,net2 --log_output_level=all:debug,ads:error --log_as_json --force-apply --native-nftables",
  ],
  [
    linkerdInit,
    "--incoming-proxy-port 4143 --outgoing-proxy-port 4140 --proxy-uid 2102 --proxy-gid 2102 --inbound-ports-to-ignore 4190,4191",
  ],
  [
    linkerdInit,
    "--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save --incoming-proxy-port 4143 --outgoing-proxy-port 4140 --proxy-uid 2102 --inbound-ports-to-ignore 4190,4191,22,8100-8102 --outbound-ports-to-ignore 5432 --log-format json --log-level debug --subnets-to-ignore 10.0.0.0/8,fd00::/8",
  ],
];
