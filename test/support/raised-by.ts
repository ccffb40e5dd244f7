import type { Facts } from "../../injector/model/facts.ts";
import type { FindingCode } from "../../injector/model/findings.ts";
import type { SecurityContext } from "../../injector/model/pod.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { config } from "./config.ts";
import { ACCOUNT, BILLING, facts, grant, role, limitRange } from "./facts.ts";
import { istioInit } from "./mesh-inits.ts";
import { app, plainPod, pod, withApp, type admitted } from "./pods.ts";

const annotated = (annotations: Readonly<Record<string, string>>) =>
  pod({}, { [ANNOTATION.role]: BILLING, ...annotations });
const named = (value: string) => pod({}, { [ANNOTATION.role]: value });
const grants = (...specs: readonly object[]): Facts =>
  facts({ grants: specs.map((spec, index) => grant(`g${index}`, { namespaces: ["shop"], ...spec })) });
const nodePath = { name: "run", hostPath: { path: "/run" } };
const node = config({ source: "node", policy: "off" });
const secured = (securityContext: SecurityContext) => withApp({ securityContext });
const emulate = { [ANNOTATION.imds]: "emulate" };
const allowing = config({ imds: "allow-emulate-v1" });
const exempting = (exempt: string): Facts => facts({ annotations: { [ANNOTATION.exempt]: exempt } });
const off = { "podrole.dev/guard": "off" };

/** For every code that a new pod can raise, a pod that raises it. */
export const RAISED_BY: readonly (readonly [FindingCode, ...Parameters<typeof admitted>])[] = [
  ["OBJECT_MALFORMED", { spec: 7 }],
  ["NO_CONTAINERS", { spec: {} }],
  ["ROLE_MALFORMED", named("a b")],
  ["ROLE_NEEDS_BASE_ARN", named("billing")],
  ["ROLE_NOT_ALLOWED", pod(), facts(), config({ policy: "enforce" })],
  ["ROLE_DENIED_BY_GRANT", pod(), grants({ effect: "Deny", roles: ["*"] })],
  ["ROLE_WOULD_BE_DENIED", pod(), facts(), config({ policy: "audit" })],
  ["POLICY_RULE_INVALID", pod(), facts({ annotations: { [ANNOTATION.namespacePermitted]: "(" } })],
  ["GRANT_DEFAULT_AMBIGUOUS", plainPod(), grants({ default: BILLING }, { default: role(`${ACCOUNT}b`) })],
  ["HUB_ROLE_MISSING", annotated({ [ANNOTATION.externalId]: "xx" })],
  ["ANNOTATION_INVALID", annotated({ [ANNOTATION.start]: "x" })],
  ["ANNOTATION_UNKNOWN", annotated({ "podrole.dev/x": "" })],
  ["ANNOTATION_MISPLACED", annotated(off)],
  ["ANNOTATION_KEY_REPLACED", pod(), facts(), config({ keys: { ...ANNOTATION, role: "example.com/role" } })],
  ["SESSION_NAME_FORBIDDEN", annotated({ [ANNOTATION.sessionName]: "payments.api-7c9d" })],
  ["CONTAINER_UNKNOWN", annotated({ [ANNOTATION.containers]: "x" })],
  ["SKIPPED_UNKNOWN", annotated({ [ANNOTATION.skipContainers]: "x" })],
  [
    "SESSION_SHORTENED",
    annotated({ [ANNOTATION.sessionDuration]: "2h" }),
    facts(),
    config({ source: "ambient", hubRole: BILLING, policy: "off" }),
  ],
  ["SESSION_SHORT", annotated({ [ANNOTATION.sessionDuration]: "900" })],
  [
    "CREDENTIALS_MAY_BE_SHADOWED",
    withApp({
      env: [
        { name: "AWS_ACCESS_KEY_ID", valueFrom: { secretKeyRef: { name: "s", key: "k", optional: true } } },
      ],
    }),
  ],
  ["CREDENTIALS_SHADOWED", withApp({ env: [{ name: "AWS_PROFILE", value: "x" }] })],
  [
    "BROKER_CA_MISSING",
    pod(),
    grants({ roles: ["*"] }),
    config({ source: "broker", brokerUrl: "https://podrole-broker.podrole-system.svc" }),
  ],
  ["TOKEN_NOT_ALLOWED", annotated({ [ANNOTATION.token]: "env" }), facts(), config({ token: "file" })],
  [
    "TOKEN_MOUNT_BLOCKED",
    withApp({ volumeMounts: [{ name: "own", mountPath: "/var/run/secrets/podrole.dev/credentials" }] }),
  ],
  [
    "PROXY_NOT_EXEMPT",
    withApp({
      env: [
        { name: "HTTP_PROXY", value: "x" },
        { name: "NO_PROXY", valueFrom: {} },
      ],
    }),
  ],
  ["IMDS_NOT_ALLOWED", annotated(emulate)],
  ["IMDS_NEEDS_GUARD", annotated(emulate), facts({ annotations: off }), allowing],
  ["IMDS_SHARED", annotated({ ...emulate, [ANNOTATION.skipContainers]: "app" }), facts(), allowing],
  ["IMDS_WITHOUT_ROLE", pod({}, emulate), facts(), allowing],
  ["IMDS_V1_ALLOWED", annotated({ ...emulate, [ANNOTATION.imdsV1]: "allowed" }), facts(), allowing],
  [
    "IMDS_SHADOWED",
    withApp({ env: [{ name: "AWS_EC2_METADATA_DISABLED", value: "true" }] }, annotated(emulate)),
    facts(),
    allowing,
  ],
  ["GUARD_OFF", pod(), facts({ annotations: off })],
  ["WINDOWS_WITHOUT_ROLE", pod({ os: { name: "windows" } })],
  ["HOST_NETWORK", pod({ hostNetwork: true })],
  ["HOST_NETWORK_UNGUARDED", plainPod({ hostNetwork: true }), facts(), config({ hostNetwork: "warn" })],
  ["HOST_PATH", pod({ volumes: [nodePath] })],
  ["RESOURCES_BELOW_FLOOR", pod({ resources: { limits: { memory: "40Mi" } } })],
  [
    "LIMIT_RANGE_TOO_TIGHT",
    withApp({ resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m", memory: "1Gi" } } }),
    facts({ limitRanges: [limitRange({ type: "Pod", max: { cpu: "1" } })] }),
  ],
  [
    "BLOCK_NEEDS_PRIVILEGED",
    pod(),
    facts({
      labels: { "pod-security.kubernetes.io/enforce": "baseline" },
      annotations: { "podrole.dev/guard": "block" },
    }),
  ],
  [
    "SOURCE_NEEDS_BLOCK",
    annotated({}),
    facts({ labels: { "pod-security.kubernetes.io/enforce": "restricted" } }),
    config({ source: "node", policy: "off" }),
  ],
  ["PRIVILEGED", secured({ privileged: true })],
  ["CAPABILITY_FORBIDDEN", secured({ capabilities: { add: ["NET_RAW"] } })],
  ["MESH_INIT", pod({ initContainers: [istioInit] })],
  ["HOST_NAMESPACE", pod({ hostPID: true })],
  [
    "SIDECAR_UID",
    pod({ securityContext: { supplementalGroups: Array.from({ length: 25_000 }, (_, i) => 40_000 + i) } }),
  ],
  ["HOST_PORT", withApp({ ports: [{ hostPort: 80 }] })],
  ["PROBE_HOST", withApp({ livenessProbe: { httpGet: { host: "169.254.169.254" } } })],
  ["SECCOMP_FORBIDDEN", secured({ seccompProfile: { type: "Unconfined" } })],
  ["APPARMOR_FORBIDDEN", secured({ appArmorProfile: { type: "Unconfined" } })],
  ["SELINUX_FORBIDDEN", secured({ seLinuxOptions: { type: "spc_t" } })],
  ["SYSCTL_FORBIDDEN", pod({ securityContext: { sysctls: [{ name: "kernel.msgmax" }] } })],
  ["EXEMPTED", withApp({ ports: [{ hostPort: 80 }] }), exempting("hostPorts")],
  ["EXEMPTION_INVALID", pod(), exempting("privileged")],
  [
    "CONTAINERS_NOT_SEPARATED",
    pod(
      { containers: [app, { ...app, name: "log-shipper" }] },
      { [ANNOTATION.role]: BILLING, [ANNOTATION.skipContainers]: "log-shipper" },
    ),
  ],
  ["UID_UNKNOWN", pod(), facts(), node],
  ["PRIVILEGE_ESCALATION", secured({ runAsUser: 1, allowPrivilegeEscalation: true }), facts(), node],
  ["RESERVED_NAME", withApp({ name: "podrole-x" })],
  ["INJECTED_DIFFERENTLY", pod({ initContainers: [{ name: "podrole-guard", image: "other" }] })],
];
