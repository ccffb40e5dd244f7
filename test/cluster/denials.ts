import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { FindingCode } from "../../injector/model/findings.ts";
import { ACCOUNT } from "../support/facts.ts";
import { istioInit } from "../support/mesh-inits.ts";
import type { Feature } from "./api-version.ts";
import type { KubeObject } from "./kube-client.ts";
import { podObject } from "./webhook.ts";

/** A pod that is refused, and its surroundings. */
export interface Denial {
  readonly code: FindingCode;
  readonly pod: object;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The spec of a RoleGrant for the namespace. */
  readonly grant?: object;
  readonly config?: Partial<InjectorConfig>;
  readonly needs?: Feature;
}

const ROLE = `${ACCOUNT}billing-reader`;
const withRole = (spec: object = {}, more: Readonly<Record<string, string>> = {}): object =>
  podObject("web", { [ANNOTATION.role]: ROLE, ...more }, spec);
const appWith = (over: object): object => ({ containers: [{ name: "app", image: "shop/app:1", ...over }] });
const app = (securityContext: object): object => appWith({ securityContext });
const emulate = { [ANNOTATION.imds]: "emulate" };
const node = { source: "node", policy: "off" } as const;

/** For every code that can deny a new pod, a pod that is denied with it. */
export const DENIALS: readonly Denial[] = [
  { code: "NO_CONTAINERS", pod: podObject("web", {}, { containers: [] }) },
  { code: "ROLE_MALFORMED", pod: podObject("web", { [ANNOTATION.role]: "billing reader" }) },
  { code: "ROLE_NEEDS_BASE_ARN", pod: podObject("web", { [ANNOTATION.role]: "billing" }) },
  {
    code: "ROLE_NOT_ALLOWED",
    pod: withRole(),
    annotations: { [ANNOTATION.namespaceAllowedRoles]: '["shop-*"]' },
  },
  { code: "ROLE_DENIED_BY_GRANT", pod: withRole(), grant: { effect: "Deny", roles: [ROLE] } },
  { code: "HUB_ROLE_MISSING", pod: withRole({}, { [ANNOTATION.externalId]: "partner" }) },
  { code: "ANNOTATION_INVALID", pod: withRole({}, { [ANNOTATION.start]: "soon" }) },
  {
    code: "SESSION_NAME_FORBIDDEN",
    pod: withRole({}, { [ANNOTATION.sessionName]: "payments.api-7c9d" }),
  },
  { code: "CONTAINER_UNKNOWN", pod: withRole({}, { [ANNOTATION.containers]: "none" }) },
  { code: "TOKEN_NOT_ALLOWED", pod: withRole({}, { [ANNOTATION.token]: "env" }), config: { token: "file" } },
  {
    code: "TOKEN_MOUNT_BLOCKED",
    pod: withRole({
      containers: [
        {
          name: "app",
          image: "shop/app:1",
          volumeMounts: [{ name: "own", mountPath: "/run/secrets", readOnly: true }],
        },
      ],
      volumes: [{ name: "own", emptyDir: {} }],
    }),
  },
  { code: "IMDS_NOT_ALLOWED", pod: withRole({}, emulate) },
  {
    code: "IMDS_NEEDS_GUARD",
    pod: withRole({}, emulate),
    annotations: { [ANNOTATION.guard]: "off" },
    config: { imds: "allow-emulate" },
  },
  {
    code: "SOURCE_NEEDS_BLOCK",
    pod: withRole(),
    annotations: { [ANNOTATION.guard]: "verify" },
    config: node,
  },
  {
    code: "BROKER_CA_MISSING",
    pod: withRole(),
    grant: { roles: ["*"] },
    config: { source: "broker", brokerUrl: "https://podrole-broker.podrole-system.svc" },
  },
  {
    code: "IMDS_SHARED",
    pod: withRole({}, { ...emulate, [ANNOTATION.containers]: "" }),
    config: { imds: "allow-emulate" },
  },
  { code: "HOST_NETWORK", pod: withRole({ hostNetwork: true }) },
  { code: "HOST_PATH", pod: withRole({ volumes: [{ name: "run", hostPath: { path: "/run" } }] }) },
  { code: "PRIVILEGED", pod: withRole(app({ privileged: true })) },
  { code: "CAPABILITY_FORBIDDEN", pod: withRole(app({ capabilities: { add: ["NET_RAW"] } })) },
  { code: "MESH_INIT", pod: withRole({ initContainers: [istioInit] }) },
  {
    code: "RESOURCES_BELOW_FLOOR",
    pod: withRole({ resources: { limits: { memory: "40Mi" } } }),
    needs: "resources of a pod",
  },
  { code: "SECCOMP_FORBIDDEN", pod: withRole(app({ seccompProfile: { type: "Unconfined" } })) },
  { code: "APPARMOR_FORBIDDEN", pod: withRole(app({ appArmorProfile: { type: "Unconfined" } })) },
  { code: "SELINUX_FORBIDDEN", pod: withRole(app({ seLinuxOptions: { type: "spc_t" } })) },
  {
    code: "SYSCTL_FORBIDDEN",
    pod: withRole({ securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } }),
  },
  { code: "HOST_PORT", pod: withRole(appWith({ ports: [{ containerPort: 80, hostPort: 80 }] })) },
  {
    code: "PROBE_HOST",
    pod: withRole(appWith({ livenessProbe: { httpGet: { host: "169.254.169.254", port: 80 } } })),
  },
  { code: "HOST_NAMESPACE", pod: withRole({ hostPID: true }) },
  { code: "UID_UNKNOWN", pod: withRole(), config: node },
  {
    code: "PRIVILEGE_ESCALATION",
    pod: withRole(app({ runAsUser: 1000, allowPrivilegeEscalation: true })),
    config: node,
  },
  { code: "RESERVED_NAME", pod: withRole({ volumes: [{ name: "podrole-x", emptyDir: {} }] }) },
  {
    code: "INJECTED_DIFFERENTLY",
    pod: withRole({ initContainers: [{ name: "podrole-guard", image: "evil" }] }),
  },
];

/** Codes that no new pod gets, and the test that covers each. */
export const ELSEWHERE: Readonly<Partial<Record<FindingCode, string>>> = {
  OBJECT_MALFORMED: "an API server sends no such object: test/injector/review/admission-review.test.ts",
  INTERNAL: "no known object causes it: test/injector/serve/server.test.ts",
  REVIEW_TOO_HEAVY: "no pod within the API server's limits: test/injector/serve/too-heavy.test.ts",
  FACTS_UNAVAILABLE: "the cluster cannot be read: below",
  LIMIT_RANGE_TOO_TIGHT: "needs a LimitRange: limit-ranges.test.ts",
  POD_FROZEN: "a running pod: review/pod-update.test.ts",
  EPHEMERAL_TARGET: "a running pod: review/pod-update.test.ts",
  GUARD_NOT_DONE: "a running pod: running.test.ts and admission-policy.test.ts",
  SIDECAR_UID: "a running pod: review/pod-update.test.ts and admission-policy.test.ts",
  SETTINGS_INVALID: "raised by the admission policy about its settings: policy-settings.test.ts",
  BLOCKED_ENDPOINT: "raised by the admission policy about endpoints: endpoints-policy.test.ts",
  SIDECAR_EXEC: "raised by the admission policy about exec: exec-policy.test.ts",
  GUARD_MISSING: "raised by the admission policy: admission-policy.test.ts and install.test.ts",
};

/** The namespace of a denial. */
export const namespaceOf = ({ code, labels, annotations }: Denial): KubeObject => ({
  metadata: {
    name: code.toLowerCase().replaceAll("_", "-"),
    labels: { "podrole.dev/inject": "enabled", ...labels },
    annotations: { ...annotations },
  },
});
