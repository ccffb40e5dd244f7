import { expect, test } from "vitest";
import { probeJob } from "../../../../../injector/cli/check/probe/job.ts";
import { config } from "../../../../support/config.ts";
import { facts, limitRange } from "../../../../support/facts.ts";
import { injected, plainPod } from "../../../../support/pods.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const jobOf = (over: object = {}, settings = config()): Loose =>
  probeJob(
    "podrole-probe-1",
    "node-a",
    { namespace: "podrole-system", config: settings, limitRanges: [], imagePullSecrets: [], ...over },
    180,
  );
const podOf = (job: Loose): Loose => job.spec.template;

test("the probe's only container is the guard of mode verify, as it is written into pods", () => {
  const settings = config({
    guard: "verify",
    image: "registry.example/sidecar:1",
    block: ["169.254.169.254"],
  });
  const [guard] = injected(plainPod(), facts(), settings).spec.initContainers ?? [];
  const { runAsUser: _, runAsGroup: __, ...security } = guard?.securityContext ?? {};
  const containers = podOf(jobOf({}, settings)).spec.containers;
  expect(containers).toHaveLength(1);
  expect(containers[0]).toMatchObject({
    name: guard?.name,
    image: "registry.example/sidecar:1",
    command: ["podrole-sidecar", "verify"],
    env: guard?.env,
    resources: guard?.["resources"],
    securityContext: security,
    terminationMessagePolicy: "FallbackToLogsOnError",
  });
});

test("the probe's pod has no token, no volume and no second try, and goes to one node whatever its taints", () => {
  const job = jobOf();
  const { spec } = podOf(job);
  expect(spec).toMatchObject({
    automountServiceAccountToken: false,
    restartPolicy: "Never",
    enableServiceLinks: false,
  });
  expect(spec).not.toHaveProperty("volumes");
  expect(spec.containers[0]).not.toHaveProperty("volumeMounts");
  expect(spec.tolerations).toEqual([{ operator: "Exists" }]);
  expect(JSON.stringify(spec.affinity)).toContain(
    '{"key":"metadata.name","operator":"In","values":["node-a"]}',
  );
  expect(job.spec).toMatchObject({
    backoffLimit: 0,
    activeDeadlineSeconds: 180,
    ttlSecondsAfterFinished: 300,
  });
});

test("the probe's pod keeps out of service meshes", () => {
  expect(podOf(jobOf()).metadata).toMatchObject({
    labels: { "sidecar.istio.io/inject": "false" },
    annotations: { "linkerd.io/inject": "disabled" },
  });
});

test("the probe asks for what the namespace's LimitRanges allow, and pulls with the injector's Secrets", () => {
  const limitRanges = [limitRange({ type: "Container", max: { cpu: "200m" } })];
  const { spec } = podOf(jobOf({ limitRanges, imagePullSecrets: [{ name: "registry" }] }));
  expect(spec.containers[0]?.["resources"].limits.cpu).toBe("200m");
  expect(spec.imagePullSecrets).toEqual([{ name: "registry" }]);
  expect(podOf(jobOf()).spec).not.toHaveProperty("imagePullSecrets");
});
