import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { DEFAULT_CONTAINER } from "../../injector/mutate/pod-annotations.ts";
import { NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { EXITS } from "../../sidecar/guard/exits.ts";
import { annotationsByKey, type On } from "../../injector/model/annotations.ts";
import { PROGRAM_MAX, STEPS_MAX } from "../../injector/decide/pattern.ts";
import { FINDINGS, type FindingCode, type Severity } from "../../injector/model/findings.ts";

/** The reference pages are generated from the tables that the code uses. */

const REWRITE = "npx vitest run --config test/vitest.config.ts test/contract/reference.test.ts -u";
const WRITTEN = `This page is generated from the table that the code uses: \`${REWRITE}\`.`;

/** A general remedy for each code. The remedy in a finding is specific to its case. */
const REMEDIES: Readonly<Record<FindingCode, string>> = {
  OBJECT_MALFORMED: "Correct the field that the message names.",
  REVIEW_TOO_HEAVY:
    "Make the object smaller, or ask a cluster admin to raise the injector's memory limit: what one review may take grows with it.",
  INTERNAL: "Ask a cluster admin to look for the request's uid in the injector's log, and report the error.",
  NO_CONTAINERS: "Give the pod at least one container.",
  FACTS_UNAVAILABLE:
    "Try again. If the code stays, check that the injector reaches the API server, and that the RoleGrant in the message is valid.",
  ROLE_MALFORMED:
    "Write a name such as `billing-reader`, a path and name, or an ARN such as `arn:aws:iam::111122223333:role/billing-reader`.",
  ROLE_NEEDS_BASE_ARN: "Write the full ARN, or ask a cluster admin to set `baseRoleArn`.",
  ROLE_NOT_ALLOWED:
    "Use one of the roles that the message names as allowed, or ask a cluster admin to allow this one: by a RoleGrant that covers the namespace, or by the namespace's annotation `iam.amazonaws.com/allowed-roles` or `iam.amazonaws.com/permitted`.",
  ROLE_DENIED_BY_GRANT:
    "Use another role, or ask a cluster admin to change the RoleGrant that the message names.",
  ROLE_WOULD_BE_DENIED: "As for ROLE_NOT_ALLOWED or ROLE_DENIED_BY_GRANT, before the mode becomes `enforce`.",
  POLICY_RULE_INVALID: `Ask a cluster admin to correct the annotation: a JSON array of strings, or an RE2 expression. Names and \`.*\` have no limit. Another expression may have ${PROGRAM_MAX} characters with its repetitions written out, and all of an annotation may take ${STEPS_MAX} steps together; beyond that, use a RoleGrant.`,
  GRANT_DEFAULT_AMBIGUOUS: "Ask a cluster admin to keep `spec.default` in only one of the grants.",
  HUB_ROLE_MISSING: "Remove the annotation, or ask a cluster admin to set `hubRole`.",
  ANNOTATION_INVALID:
    "Give the annotation a value of the form in the [annotation reference](annotations.md).",
  ANNOTATION_UNKNOWN: "Correct the key; the message names the one that may be meant.",
  ANNOTATION_KEY_REPLACED: "Rename the annotation to the key that the message names.",
  ANNOTATION_MISPLACED: "Put the annotation where the message says.",
  SESSION_NAME_FORBIDDEN:
    "Begin it with `{namespace}.`, as in `{namespace}.{pod}`; or a cluster admin allows it by `sessionNames` of a RoleGrant for the role, or for all pods by the setting `sessionNames`.",
  CONTAINER_UNKNOWN: "Correct the name in `podrole.dev/containers` or in `podrole.dev/role.<container>`.",
  SKIPPED_UNKNOWN:
    "Correct the name, unless another webhook adds that container. Then nothing is to be done: podrole is called again, and gives it no credentials.",
  SESSION_SHORTENED: "Set `podrole.dev/session-duration` to `1h`.",
  SESSION_SHORT: "Set `podrole.dev/session-duration` to `1h`.",
  CREDENTIALS_SHADOWED: "Remove the variable from the container to use the pod's role.",
  CREDENTIALS_MAY_BE_SHADOWED:
    "Leave the key out to use the pod's role, or remove the variable from the container.",
  TOKEN_NOT_ALLOWED: "Remove `podrole.dev/token`, or ask a cluster admin to set `token` to `both`.",
  TOKEN_MOUNT_BLOCKED:
    "Mount it elsewhere, or set `podrole.dev/token` to `env` on the pod if the setting `token` is `both`.",
  PROXY_NOT_EXEMPT: "Make sure that the variable contains `127.0.0.1`.",
  BROKER_CA_MISSING:
    "Try again in some seconds. If it stays, look at the controller's log: it writes `brokerCa` into `podrole-config` where the chart has `broker.enabled`.",
  IMDS_NOT_ALLOWED:
    "Remove `podrole.dev/imds` or `podrole.dev/imds-v1`, or ask a cluster admin to set `imds` to `allow-emulate` or `allow-emulate-v1`.",
  IMDS_NEEDS_GUARD:
    "Set `podrole.dev/imds` to `block` on the pod, or ask a cluster admin for the guard's mode `block`: on the namespace, `podrole.dev/guard: block` and `pod-security.kubernetes.io/enforce: privileged`.",
  IMDS_SHARED:
    "Set `podrole.dev/imds` to `block` on the pod, or remove `podrole.dev/containers`, `podrole.dev/skip-containers`, `eks.amazonaws.com/skip-containers` and `podrole.dev/role.<container>` from it.",
  IMDS_WITHOUT_ROLE: "Give the pod a role, or remove `podrole.dev/imds` from it.",
  IMDS_V1_ALLOWED: "Set `podrole.dev/imds-v1` to `denied` on the pod, unless a client cannot use IMDSv2.",
  IMDS_SHADOWED: "Remove the variable or the alias to use the emulated service.",
  GUARD_OFF: "Ask a cluster admin to remove `podrole.dev/guard: off` from the namespace.",
  HOST_NETWORK: "Remove `hostNetwork` from the pod, or run it in a namespace without podrole.",
  WINDOWS_WITHOUT_ROLE: "Remove the annotation, and give the pod its role by IRSA.",
  HOST_NETWORK_UNGUARDED: "Remove `hostNetwork` from the pod.",
  HOST_PATH:
    "Use a volume of another kind, or ask a cluster admin to [exempt](pod-security.md) the path in this namespace.",
  HOST_PORT:
    "Remove `hostPort` and use a Service, or ask a cluster admin for the [exemption](pod-security.md) `hostPorts`.",
  PROBE_HOST: "Remove `host` from the probe or hook: the kubelet then connects to the pod.",
  SECCOMP_FORBIDDEN: "Set `seccompProfile.type` to `RuntimeDefault`.",
  APPARMOR_FORBIDDEN: "Set `appArmorProfile.type` to `RuntimeDefault`.",
  SELINUX_FORBIDDEN: "Remove `type`, `user` and `role` from `seLinuxOptions`.",
  SYSCTL_FORBIDDEN: "Remove the sysctl.",
  EXEMPTED: "If no pod needs it any more, ask a cluster admin to remove the entry.",
  EXEMPTION_INVALID:
    "Ask a cluster admin to correct `podrole.dev/exempt` on the namespace; see [what can be exempted](pod-security.md).",
  BLOCK_NEEDS_PRIVILEGED:
    "Ask a cluster admin to set the annotation `podrole.dev/guard` of the namespace to `auto`, or `pod-security.kubernetes.io/enforce` to `privileged`, where podrole then [enforces `baseline` itself](pod-security.md).",
  SOURCE_NEEDS_BLOCK:
    "Ask a cluster admin for source `web-identity`, or for the guard's mode `block`: on the namespace, `podrole.dev/guard: block` and `pod-security.kubernetes.io/enforce: privileged`, where podrole then [enforces `baseline` itself](pod-security.md).",
  PRIVILEGED:
    "Set `privileged` and `hostProcess` to false, and `procMount` to `Default`. What needs them, such as Docker in Docker, can run in a namespace without podrole.",
  CAPABILITY_FORBIDDEN:
    "Remove the capability from `securityContext.capabilities.add`; where the message says so, write `NET_RAW` into `drop`. For `kubectl debug`, choose `--profile=baseline`, or `restricted` where the namespace's level is that.",
  MESH_INIT:
    "Install the mesh's CNI plugin, or ask a cluster admin to trust the mesh's own image: see [With Istio and Linkerd](../docs/service-meshes.md#in-init-mode).",
  HOST_NAMESPACE:
    "Remove `hostPID`, `hostIPC` or `shareProcessNamespace` from the pod, or run it in a namespace without podrole.",
  SIDECAR_UID: "Set another `runAsUser`.",
  CONTAINERS_NOT_SEPARATED:
    "Set `allowPrivilegeEscalation` to false in the containers that the message names, and drop `SETUID` or set `runAsNonRoot` to true.",
  UID_UNKNOWN: "Set `securityContext.runAsUser`, or ask a cluster admin for source `web-identity`.",
  PRIVILEGE_ESCALATION:
    "Set `allowPrivilegeEscalation` to false, or ask a cluster admin for source `web-identity`.",
  POD_FROZEN: "Change it in the workload, or recreate the pod.",
  RESOURCES_BELOW_FLOOR:
    "Leave guard and sidecar at the requests and limits that the message names, or give them more.",
  LIMIT_RANGE_TOO_TIGHT:
    "Raise the maximum of the LimitRange that the message names, or lower the limits of the pod's containers.",
  EPHEMERAL_TARGET: "Target a container of the app: `kubectl debug --profile=baseline --target=APP`.",
  GUARD_NOT_DONE:
    "Wait until the pod has started, then try again. Debug a pod with `shareProcessNamespace` by a copy: `kubectl debug POD --copy-to=NAME --share-processes=false --keep-annotations --profile=baseline`.",
  SERVICE_ACCOUNT_MISSING: "Create the service account, or correct `serviceAccountName`.",
  RESERVED_NAME:
    "Rename the container or volume, or remove the mount: names that begin with `podrole-` are reserved.",
  GUARD_MISSING:
    "Check that the webhook `pods.podrole.dev` exists and that no other webhook puts a container first. Then recreate the pod.",
  SETTINGS_INVALID:
    "Correct the ConfigMap: `kubectl -n podrole-system logs deployment/podrole-injector` names the key.",
  SIDECAR_EXEC: "Read the log (`kubectl logs POD -c podrole-sidecar`) and the termination message.",
  BLOCKED_ENDPOINT: "Remove the address from the Endpoints, EndpointSlice or Service.",
  INJECTED_DIFFERENTLY: "Delete guard, sidecar and token volume from the manifest: podrole adds them itself.",
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");

const page = (title: string, about: string, ...parts: readonly string[]): string =>
  `${[`# ${title}`, about, WRITTEN, ...parts].join("\n\n")}\n`;

const code = (text: string): string => `\`${text}\``;

const annotationsOn = (on: On): string =>
  table(
    ["annotation", "value", "what it does"],
    [...annotationsByKey()].flatMap(([key, { on: kind, alsoOn, value, about }]) => {
      const here = kind === on ? about : on === "Namespace" ? alsoOn?.Namespace : undefined;
      return here === undefined ? [] : [[code(key), value, here]];
    }),
  );

const SECTIONS: Readonly<Record<Severity, readonly string[]>> = {
  deny: [
    "## The pod is denied",
    "For a workload these are warnings, unless the setting `workloads` is `deny`.",
  ],
  warn: ["## The pod is admitted, with a warning"],
  info: ["## For information", "Only `podrole explain` and `podrole inject` show these."],
};

const findingsOf = (severity: Severity): readonly string[] => {
  const rows = Object.entries(FINDINGS)
    .filter(([, entry]) => entry.severity === severity)
    .map(([key, { about }]) => [code(key), about, REMEDIES[key as FindingCode]]);
  return rows.length === 0
    ? []
    : [...SECTIONS[severity], table(["code", "what it is about", "what to do"], rows)];
};

const annotationsPage = page(
  "Annotations",
  `podrole handles the pods of namespaces with the label ${code(`${NAMESPACE_LABEL.key}: ${NAMESPACE_LABEL.value}`)}.`,
  "## On a pod, or in a workload's pod template",
  annotationsOn("Pod"),
  "## On a service account",
  annotationsOn("ServiceAccount"),
  "## On a namespace",
  annotationsOn("Namespace"),
  "## Of other programs",
  "podrole writes these annotations on a pod, and other programs read them.",
  table(
    ["annotation", "value", "who reads it"],
    [
      [
        code(DEFAULT_CONTAINER),
        "the app's first container",
        "`kubectl logs` and `exec`. podrole does not change it if it is set.",
      ],
    ],
  ),
);

const findingsPage = page(
  "Findings",
  "A finding is what podrole notices about an object. Its message begins with one of these codes, in denials, warnings, logs and the output of `podrole`.",
  ...(["deny", "warn", "info"] as const).flatMap(findingsOf),
);

const guardPage = page(
  "How the guard ends",
  "The exit codes of the container `podrole-guard`, and how its message begins. With `guardContainer: sidecar`, `podrole-sidecar` ends in the same ways before it serves. `kubectl describe pod` shows the message, and so does the container's log. The pod starts only after exit code 0.",
  table(
    ["exit", "message begins with", "what it means", "what to do"],
    EXITS.map(({ exit, codes, means, remedy }) => [String(exit), codes.map(code).join(", "), means, remedy]),
  ),
);

test("deploy/reference/guard.md lists the guard's exit codes", async () => {
  await expect(guardPage).toMatchFileSnapshot("../../deploy/reference/guard.md");
  const numbers = EXITS.map(({ exit }) => exit);
  expect(new Set(numbers).size, "no two ends share a number").toBe(numbers.length);
});

test("every exit code of the guard has a row", async () => {
  const folder = new URL("../../sidecar/guard/", import.meta.url);
  const sources = (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFile(new URL(name, folder), "utf8"));
  const inCode = (await Promise.all(sources)).join("\n").matchAll(/"((?:GUARD|METADATA)_[A-Z_]+)"/g);
  const codes = new Set([...inCode].map(([, name]) => name));
  expect(codes.size).toBeGreaterThan(5);
  expect([...codes].filter((name) => !EXITS.some(({ codes: known }) => known.includes(name ?? "")))).toEqual(
    [],
  );
});

test("deploy/reference/annotations.md lists the annotations that podrole reads", async () => {
  await expect(annotationsPage).toMatchFileSnapshot("../../deploy/reference/annotations.md");
  for (const key of annotationsByKey().keys()) expect(annotationsPage).toContain(`| \`${key}\` |`);
});

test("deploy/reference/findings.md lists the findings", async () => {
  await expect(findingsPage).toMatchFileSnapshot("../../deploy/reference/findings.md");
  for (const key of Object.keys(FINDINGS)) expect(findingsPage).toContain(`| \`${key}\` |`);
});

test("every code has a remedy of one sentence, and every remedy has a code", () => {
  expect(Object.keys(REMEDIES).toSorted()).toEqual(Object.keys(FINDINGS).toSorted());
  for (const remedy of Object.values(REMEDIES)) expect(remedy).toMatch(/^[A-Z][^\n]+\.$/);
});
