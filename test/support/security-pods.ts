import type { Container, Pod } from "../../injector/model/pod.ts";

const CAPABILITIES = [
  "CHOWN",
  "SYS_CHROOT",
  "SETUID",
  "DAC_READ_SEARCH",
  "SYS_TIME",
  "chown",
  "CAP_KILL",
  "NET_RAW",
];
const PROFILES = ["RuntimeDefault", "Localhost", "Unconfined"];
const SELINUX_TYPES = ["container_t", "container_engine_t", "spc_t", ""];
const SYSCTLS = [
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
  "net.core.somaxconn",
  "net.ipv4.conf.all.route_localnet",
];
const APPARMOR = ["runtime/default", "localhost/a", "unconfined"];

/**
 * A pod that every API server accepts, with random fields about which Pod Security level `baseline` has a rule. The rarer such
 * a field, the more pods pass.
 */
export function randomSecurityPod(next: () => number): Pod {
  const chance = (share: number): boolean => next() < share;
  const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const maybe = (share: number, make: () => object): object => (chance(share) ? make() : {});
  const profile = (): object => {
    const type = one(PROFILES);
    return { type, ...(type === "Localhost" ? { localhostProfile: "a" } : {}) };
  };
  // Annotation and field must not differ.
  const byAnnotation = chance(0.1);
  const shared = (): object => ({
    ...maybe(0.1, () => ({ seccompProfile: profile() })),
    ...(byAnnotation ? {} : maybe(0.1, () => ({ appArmorProfile: profile() }))),
    ...maybe(0.1, () => ({
      seLinuxOptions: {
        type: one(SELINUX_TYPES),
        level: "s0",
        ...maybe(0.1, () => ({ user: "a" })),
        ...maybe(0.1, () => ({ role: "a" })),
      },
    })),
  });
  const action = (): object => {
    const host = one([{}, {}, {}, { host: "10.0.0.1" }, { host: "localhost" }]);
    return one([
      { httpGet: { port: 80, ...host } },
      { tcpSocket: { port: 80, ...host } },
      { exec: { command: ["a"] } },
    ]);
  };
  const running = (): object => ({
    ...maybe(0.1, () => ({ livenessProbe: action() })),
    ...maybe(0.1, () => ({ readinessProbe: action() })),
    ...maybe(0.1, () => ({ startupProbe: action() })),
    ...maybe(0.1, () => ({ lifecycle: { [one(["postStart", "preStop"])]: action() } })),
  });
  let port = 8000;
  const container = (name: string, init: boolean): Container => ({
    name,
    image: "a",
    ...maybe(0.2, () => ({
      ports: [
        {
          containerPort: (port += 1),
          ...maybe(0.2, () => ({ hostPort: port, protocol: one(["TCP", "UDP"]) })),
        },
      ],
    })),
    ...(init ? maybe(0.5, () => ({ restartPolicy: "Always", ...running() })) : running()),
    securityContext: {
      ...shared(),
      ...maybe(0.05, () => ({ privileged: true })),
      ...maybe(0.05, () => ({ privileged: false })),
      ...maybe(0.05, () => ({ procMount: "Default" })),
      ...maybe(0.2, () => ({ capabilities: { add: [one(CAPABILITIES)] } })),
    },
  });
  const names = ["app", ...(chance(0.4) ? ["helper"] : [])];
  const inits = chance(0.5) ? ["init"] : [];
  return {
    metadata: {
      name: "web",
      annotations: byAnnotation
        ? { [`container.apparmor.security.beta.kubernetes.io/${names[0]}`]: one(APPARMOR) }
        : {},
    },
    spec: {
      initContainers: inits.map((name) => container(name, true)),
      containers: names.map((name) => container(name, false)),
      volumes: [
        {
          name: "data",
          ...(chance(0.05) ? { hostPath: { path: one(["/", "/var/log"]) } } : { emptyDir: {} }),
        },
      ],
      ...maybe(0.03, () => ({ hostPID: true })),
      ...maybe(0.03, () => ({ hostIPC: true })),
      ...maybe(0.5, () => ({
        securityContext: {
          ...shared(),
          ...maybe(0.2, () => ({ sysctls: [{ name: one(SYSCTLS), value: "1" }] })),
        },
      })),
    },
  };
}
