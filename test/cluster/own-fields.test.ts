import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { facts } from "../support/facts.ts";
import { FRESH } from "../support/pods.ts";
import { isNewest } from "./api-version.ts";
import type { KubeObject } from "./kube-client.ts";
import { openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { SETTINGS } from "./attack.ts";

/**
 * Every field of the API server's containers and pods has been looked at: for each field of guard and sidecar there is a value
 * that must be refused, and for each field of a pod a decision. A newer API server with more fields fails this test.
 */

const reason = whyNoPolicies();
const probe = { exec: { command: ["true"] } };

/** Other values for fields of guard and sidecar, and what they need in the pod. */
const OTHER: Readonly<Record<string, readonly [value: unknown, spec?: object]>> = {
  name: ["podrole-other"],
  image: ["evil/sidecar:1"],
  command: [["true"]],
  args: [["--inspect"]],
  workingDir: ["/tmp"],
  ports: [[{ containerPort: 80 }]],
  envFrom: [[{ secretRef: { name: "a" } }]],
  env: [[]],
  resources: [{ requests: { cpu: "1m", memory: "6Mi" } }],
  restartPolicy: ["OnFailure"],
  restartPolicyRules: [[{ action: "Restart", exitCodes: { operator: "In", values: [1] } }]],
  volumeMounts: [[{ name: "x", mountPath: "/usr" }], { volumes: [{ name: "x", emptyDir: {} }] }],
  volumeDevices: [
    [{ name: "x", devicePath: "/dev/x" }],
    { volumes: [{ name: "x", persistentVolumeClaim: { claimName: "x" } }] },
  ],
  livenessProbe: [probe],
  readinessProbe: [probe],
  startupProbe: [probe],
  lifecycle: [{ postStart: { exec: { command: ["true"] } } }],
  terminationMessagePath: ["/tmp/log"],
  terminationMessagePolicy: ["File"],
  imagePullPolicy: ["Never"],
  stdin: [true],
  stdinOnce: [true],
  tty: [true],
  "lifecycle.preStop": [probe],
  "lifecycle.stopSignal": ["SIGSTOP", { os: { name: "linux" } }],
  "resources.claims": [[{ name: "x" }], { resourceClaims: [{ name: "x", resourceClaimName: "x" }] }],
  "resources.limits": [{ cpu: "20m", memory: "48Mi" }],
  "resources.requests": [{ cpu: "1m", memory: "6Mi" }],
  "securityContext.capabilities": [{ drop: ["ALL"], add: ["SYS_ADMIN"] }],
  "securityContext.privileged": [true],
  "securityContext.seLinuxOptions": [{ type: "spc_t" }],
  "securityContext.windowsOptions": [{ runAsUserName: "a" }],
  "securityContext.runAsUser": [1],
  "securityContext.runAsGroup": [1],
  "securityContext.runAsNonRoot": [undefined],
  "securityContext.readOnlyRootFilesystem": [false],
  "securityContext.allowPrivilegeEscalation": [true],
  "securityContext.procMount": ["Unmasked", { hostUsers: false }],
  "securityContext.seccompProfile": [{ type: "Unconfined" }],
  "securityContext.appArmorProfile": [{ type: "Unconfined" }],
};

/** Fields that others may set, or that stand for those of the table above. */
const ELSEWHERE = {
  resizePolicy: "says how a resize takes place; what it may be is checked",
  securityContext: "by its fields",
  "lifecycle.postStart": "see lifecycle",
};

const FIELDS_OF_A_POD = {
  "checked by podrole": [
    "initContainers",
    "containers",
    "ephemeralContainers",
    "volumes",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "shareProcessNamespace",
    "securityContext",
    "resources",
    "os",
    "nodeSelector",
    "serviceAccountName",
    "serviceAccount",
  ],
  "refused with claims of guard and sidecar": ["resourceClaims"],
  "where and when the pod runs; the guard proves itself there": [
    "nodeName",
    "affinity",
    "tolerations",
    "schedulerName",
    "schedulingGates",
    "topologySpreadConstraints",
    "priority",
    "priorityClassName",
    "preemptionPolicy",
    "overhead",
    "runtimeClassName",
    "hostUsers",
    "schedulingGroup",
  ],
  "how the whole pod ends": ["restartPolicy", "activeDeadlineSeconds", "terminationGracePeriodSeconds"],
  "names in the network; guard and sidecar connect to addresses, or by TLS": [
    "dnsPolicy",
    "dnsConfig",
    "hostAliases",
    "hostname",
    "hostnameOverride",
    "subdomain",
    "setHostnameAsFQDN",
  ],
  "no variable that guard or sidecar reads can be made by a Service": ["enableServiceLinks"],
  "of no effect on guard and sidecar": ["automountServiceAccountToken", "imagePullSecrets", "readinessGates"],
} as const;

/** The fields that only the API server or only this test has. An older API server has fewer, and that is right. */
const onlyInOne = (fields: readonly string[], known: readonly string[]): readonly string[] => [
  ...fields.filter((field) => !known.includes(field)),
  ...(isNewest ? known.filter((field) => !fields.includes(field)) : []),
];

describe.skipIf(reason !== undefined)(`the fields of guard and sidecar${reason ? `: ${reason}` : ""}`, () => {
  let rig: PolicyRig;
  let schemas: Record<string, { readonly properties: Readonly<Record<string, unknown>> }>;
  beforeAll(async () => {
    rig = await openPolicies();
    schemas = (await rig.plane.admin.get("/openapi/v3/api/v1")).components.schemas;
  });
  afterAll(() => rig?.close());

  const fieldsOf = (kind: string): readonly string[] =>
    Object.keys(schemas[`io.k8s.api.core.v1.${kind}`]?.properties ?? {});

  test("are each looked at", () => {
    const nested = (
      [
        ["SecurityContext", "securityContext"],
        ["Lifecycle", "lifecycle"],
        ["ResourceRequirements", "resources"],
      ] as const
    ).flatMap(([kind, at]) => fieldsOf(kind).map((field) => `${at}.${field}`));
    const known = [...Object.keys(OTHER), ...Object.keys(ELSEWHERE)];
    expect(onlyInOne([...fieldsOf("Container"), ...nested], known)).toEqual([]);
  });

  test("of a pod are each looked at", () => {
    expect(onlyInOne(fieldsOf("PodSpec"), Object.values(FIELDS_OF_A_POD).flat())).toEqual([]);
  });

  test.for(
    Object.keys(OTHER).flatMap((field) =>
      [0, 1].map((index): readonly [string, string, number] => [
        field,
        index === 0 ? "guard" : "sidecar",
        index,
      ]),
    ),
  )("have no other %s than podrole's: %s", async ([path, , index]) => {
    const { own, pod } = await rig.good(SETTINGS.plain, "plain");
    const [value, spec = {}] = OTHER[path] ?? [];
    const [field = "", inner] = path.split(".");
    const good = structuredClone(pod.spec.initContainers);
    const container = pod.spec.initContainers[index];
    container[field] = inner === undefined ? value : { ...container[field], [inner]: value };
    for (const [key, added] of Object.entries(spec))
      pod.spec[key] = Array.isArray(added) ? [...(pod.spec[key] ?? []), ...added] : added;
    const settings = { ...SETTINGS.plain.config, policy: "off" } as const;
    const outcome = admitPod(pod, facts(), settings, FRESH);
    // The webhook takes additions off again, and the policy sees the pod after all webhooks.
    const judged = outcome.kind === "inject" ? outcome.after.spec.initContainers : outcome.kind;
    expect([good, "deny"], "by the webhook").toContainEqual(judged);
    const { status, body } = await rig.create(own, pod);
    // Fields of features that are off are dropped by the API server, and procMount gets its default.
    const dropped = (one: KubeObject): boolean => {
      const left = inner === undefined ? one?.[field] : one?.[field]?.[inner];
      return left === undefined || (inner === "procMount" && left === "Default");
    };
    expect(
      status === 422 ||
        status === 403 ||
        (value !== undefined && dropped(body.spec?.initContainers?.[index])),
    ).toBe(true);
  });
});
