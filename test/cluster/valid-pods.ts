import type { Container, Pod, SecurityContext } from "../../injector/model/pod.ts";
import { BILLING } from "../support/facts.ts";

/** A valid pod with random fields about which webhook and policy have to agree. A `random` that returns 1 makes it harmless. */
export function randomValidPod(next: () => number): Pod {
  const chance = (share: number): boolean => next() < share;
  const one = <T>(...of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const context = (): SecurityContext => {
    const add = chance(0.2)
      ? [one("CHOWN", "net_raw", "CAP_BPF", "SYS_PTRACE", "SETUID", "Perfmon", "KILL")]
      : [];
    const drop = chance(0.5) ? [one("ALL", "NET_RAW", "CAP_NET_RAW", "MKNOD", "SETUID")] : [];
    return {
      ...(chance(0.1) ? {} : { runAsUser: chance(0.05) ? 64_169 : 1000 }),
      ...(chance(0.05) ? { privileged: true } : {}),
      // The API server itself refuses false beside fields that need privilege escalation.
      ...(chance(0.1) ? { allowPrivilegeEscalation: true } : {}),
      capabilities: { ...(add.length > 0 ? { add } : {}), ...(drop.length > 0 ? { drop } : {}) },
    };
  };
  const container = (name: string): Container => ({
    name: chance(0.03) ? `podrole-${name}` : name,
    image: "shop/app:1",
    ...(chance(0.9) ? { securityContext: context() } : { securityContext: { runAsUser: 1000 } }),
    ...(chance(0.1) ? { volumeMounts: [{ name: "data", mountPath: "/data" }] } : {}),
  });
  return {
    metadata: {
      name: "web",
      annotations: {
        "iam.amazonaws.com/role": BILLING,
        ...(chance(0.1) ? { "podrole.dev/guard-resources": "limits.cpu=50m,limits.memory=32Mi" } : {}),
        ...(chance(0.1) ? { "podrole.dev/sidecar-resources": "limits.cpu=50m,limits.memory=48Mi" } : {}),
      },
    },
    spec: {
      ...(chance(0.4) ? { initContainers: [container("init")] } : {}),
      containers: [container("app"), ...(chance(0.4) ? [container("helper")] : [])],
      volumes: [
        { name: "data", ...(chance(0.05) ? { hostPath: { path: "/var" } } : { emptyDir: {} }) },
        ...(chance(0.03) ? [{ name: "podrole-data", emptyDir: {} }] : []),
      ],
      ...(chance(0.04) ? { hostPID: true } : {}),
      ...(chance(0.04) ? { hostIPC: true } : {}),
      ...(chance(0.04) ? { shareProcessNamespace: true } : {}),
      ...(chance(0.05) ? { hostNetwork: true } : {}),
      ...(chance(0.08)
        ? { resources: { limits: { cpu: one("20m", "50m", "2"), memory: one("40Mi", "50Mi", "1Gi") } } }
        : chance(0.1)
          ? // Which leave nothing to guard and sidecar.
            { resources: { requests: { cpu: "0", memory: "0" }, limits: { cpu: "2", memory: "1Gi" } } }
          : {}),
      ...(chance(0.1) ? { securityContext: { runAsUser: chance(0.2) ? 64_169 : 2000 } } : {}),
    },
  };
}
