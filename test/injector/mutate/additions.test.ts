import { describe, expect, test } from "vitest";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import { applied } from "../../support/additions.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import {
  admitted,
  containerNamed,
  denials,
  envOf,
  everyContainer,
  injected,
  plainPod,
  pod,
  throughApiServer,
} from "../../support/pods.ts";

/** What webhooks are known to add to every container, or could add. */
const ADDITIONS: Readonly<Record<string, (container: Container) => Container>> = {
  "a variable in front (Datadog)": (one) => ({
    ...one,
    env: [
      { name: "DD_AGENT_HOST", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.hostIP" } } },
      ...(one.env ?? []),
    ],
  }),
  "variables at the end, and a mount (IRSA, Azure)": (one) => ({
    ...one,
    env: [
      ...(one.env ?? []),
      { name: "AWS_ROLE_ARN", value: "arn:aws:iam::111122223333:role/other" },
      { name: "AWS_WEB_IDENTITY_TOKEN_FILE", value: "/var/run/secrets/token" },
    ],
    volumeMounts: [...(one.volumeMounts ?? []), { name: "aws-iam-token", mountPath: "/var/run/secrets" }],
  }),
  "a variable by which Node runs code (tracing)": (one) => ({
    ...one,
    env: [...(one.env ?? []), { name: "NODE_OPTIONS", value: "--require /otel/autoinstrumentation.js" }],
    volumeMounts: [{ name: "otel", mountPath: "/otel" }, ...(one.volumeMounts ?? [])],
  }),
  "a mount over its files": (one) => ({
    ...one,
    volumeMounts: [...(one.volumeMounts ?? []), { name: "certs", mountPath: "/usr" }],
  }),
  "variables from elsewhere": (one) => ({ ...one, envFrom: [{ configMapRef: { name: "defaults" } }] }),
  "a block device": (one) => ({ ...one, volumeDevices: [{ name: "d", devicePath: "/dev/xvda" }] }),
  "ports and probes": (one) => ({
    ...one,
    ports: [{ containerPort: 80 }],
    livenessProbe: { exec: { command: ["true"] } },
    startupProbe: { exec: { command: ["true"] } },
  }),
  "a hook before it stops": (one) => ({
    ...one,
    lifecycle: { ...one.lifecycle, preStop: { exec: { command: ["sleep", "5"] } } },
  }),
  arguments: (one) => ({ ...one, args: ["--help"] }),
  "a working directory and a terminal": (one) => ({ ...one, workingDir: "/tmp", stdin: true, tty: true }),
  "rules to restart it by": (one) => ({ ...one, restartPolicyRules: [{ action: "Restart" }] }),
  "a device": (one) => sized(one, { limits: { ...limitsOf(one), "vendor.example/device": "1" } }),
  "huge pages": (one) => sized(one, { limits: { ...limitsOf(one), "hugepages-2Mi": "2Mi" } }),
  "a claim": (one) => sized(one, { claims: [{ name: "device" }] }),
  "a field that podrole does not know": (one) => ({ ...one, future: { a: [1] } }),
  "a field of the name __proto__": (one) =>
    JSON.parse(`{"__proto__":{},${JSON.stringify(one).slice(1)}`) as Container,
};
const sized = (one: Container, over: object): Container => ({
  ...one,
  resources: { ...(one["resources"] as object), ...over },
});
const limitsOf = (one: Container): object => (one["resources"] as { limits: object }).limits;

const OURS = new Set<string>([CONTAINER.guard, CONTAINER.sidecar]);
const inOurs = (one: Pod, change: (container: Container) => Container): Pod =>
  everyContainer(one, (container) => (OURS.has(container.name) ? change(container) : container));

const FORMS = {
  "a guard and a sidecar": [pod(), config()],
  "a guard alone": [plainPod(), config()],
  "guard and sidecar in one container": [pod(), config({ guardContainer: "sidecar" })],
  "a sidecar that emulates": [
    pod({}, { ...pod().metadata?.annotations, "podrole.dev/imds": "emulate" }),
    config({ imds: "allow-emulate" }),
  ],
} as const;

describe.for(Object.entries(FORMS))("of %s", ([, [one, settings]]) => {
  const first = injected(one, facts(), settings);

  test.for(Object.entries(ADDITIONS))("podrole takes off again what another webhook adds: %s", ([, add]) => {
    const changed = inOurs(first, add);
    expect(changed).not.toEqual(first);
    const outcome = admitted(changed, facts(), settings);
    if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome.findings));
    expect(outcome.after).toEqual(first);
    expect(outcome.findings).toEqual([]);
    expect(applied(changed, patchBetween(outcome.before, outcome.after))).toEqual(first);
  });

  test("podrole takes off everything at once, after the API server's round trip", () => {
    const changed = throughApiServer(
      Object.values(ADDITIONS).reduce((all, add) => inOurs(all, add), throughApiServer(first)),
    );
    expect(throughApiServer(injected(changed, facts(), settings))).toEqual(throughApiServer(first));
  });
});

const first = injected(pod());

test("what autoscalers have raised stays when an addition is taken off", () => {
  const raised = { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "2", memory: "2Gi" } };
  const changed = inOurs(first, (one) => ({ ...one, resources: raised, resizePolicy: [], args: ["a"] }));
  const own = injected(changed).spec.initContainers ?? [];
  expect(own.map((one) => [one["resources"], one["resizePolicy"], one["args"]])).toEqual([
    [raised, [], undefined],
    [raised, [], undefined],
  ]);
});

test("less than podrole's resources is refused beside an addition, too", () => {
  const small = { requests: { cpu: "1m", memory: "6Mi" }, limits: { cpu: "1m", memory: "6Mi" } };
  expect(denials(inOurs(first, (one) => ({ ...one, resources: small, args: ["a"] })))).toEqual([
    "RESOURCES_BELOW_FLOOR",
  ]);
});

test("a change is refused beside an addition, and the message does not name the addition", () => {
  const changed = inOurs(first, (one) => ({ ...one, image: "mirror.example/podrole:1", args: ["a"] }));
  expect(admitted(changed).findings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/podrole-guard .+\(image\)\.$/),
    expect.stringMatching(/podrole-sidecar .+\(image\)\.$/),
  ]);
});

test("what is added to the app stays, and a variable of the app that another webhook sets anew gives a warning", () => {
  const uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  const changed = everyContainer(first, (one) => ({
    ...one,
    env: [
      ...(one.env ?? []),
      { name: "DD_AGENT_HOST", value: "node" },
      ...(OURS.has(one.name) ? [] : [{ name: uri, value: "http://169.254.170.23/v1/credentials" }]),
    ],
  }));
  const { findings } = admitted(changed);
  expect(findings).toMatchObject([{ code: "CREDENTIALS_SHADOWED" }]);
  expect(findings[0]?.message).toContain(uri);
  const after = injected(changed);
  expect(after.spec.containers).toEqual(changed.spec.containers);
  expect(envOf(containerNamed(after, CONTAINER.sidecar))).not.toHaveProperty("DD_AGENT_HOST");
});
