import { describe, expect, test } from "vitest";
import { placed, submittedPod } from "../../../../../injector/cli/demo/admission/pods.ts";
import type { Pod } from "../../../../../injector/model/pod.ts";
import type { Fields } from "../../../../../injector/model/read.ts";

const suffix = (length: number): string => "x".repeat(length);
/** A whole minute: 2026-01-01. */
const NOW = Date.UTC(2026, 0, 1);

const template = {
  metadata: { labels: { app: "shop" }, annotations: { "iam.amazonaws.com/role": "r" } },
  spec: { containers: [{ name: "app", image: "shop/app:1" }] },
};

const workload = (apiVersion: string, kind: string, spec: Fields): Fields => ({
  apiVersion,
  kind,
  metadata: { name: "shop", namespace: "store" },
  spec,
});

const submitted = (object: Fields) => submittedPod(object, suffix, NOW);
const podOf = (object: Fields) => submitted(object)?.pod as unknown as Pod;

describe("the pod of a workload", () => {
  test.each([
    [workload("apps/v1", "Deployment", { template }), "shop-xxxxxxxxxx-", "ReplicaSet", "replicaset"],
    [workload("batch/v1", "Job", { template }), "shop-", "Job", "job"],
    [
      workload("batch/v1", "CronJob", { jobTemplate: { spec: { template } } }),
      "shop-29453760-",
      "Job",
      "job",
    ],
    [workload("apps/v1", "StatefulSet", { template }), "shop-", "StatefulSet", "statefulset"],
  ])(
    "has the name prefix and owner that its controller gives it",
    (object, generateName, owner, controller) => {
      const { metadata } = podOf(object);
      expect(metadata).toMatchObject({
        generateName,
        namespace: "store",
        annotations: template.metadata.annotations,
      });
      expect(metadata).not.toHaveProperty("name");
      expect(metadata?.["ownerReferences"]).toMatchObject([{ kind: owner, name: generateName.slice(0, -1) }]);
      expect(submitted(object)).toMatchObject({
        namespace: "store",
        username: `system:serviceaccount:kube-system:${controller}-controller`,
      });
    },
  );

  test("carries the template's labels and the controller's own", () => {
    expect(podOf(workload("apps/v1", "Deployment", { template })).metadata?.labels).toEqual({
      app: "shop",
      "pod-template-hash": "xxxxxxxxxx",
    });
  });
});

describe("a pod", () => {
  const bare = { apiVersion: "v1", kind: "Pod", ...template, metadata: { name: "shop" } };

  test("keeps its name, and is in the default namespace where it names none", () => {
    expect(podOf(bare).metadata).toEqual({ name: "shop", namespace: "default" });
  });

  test("has what the API server fills in, and the user's own values over it", () => {
    const { spec } = podOf({ ...bare, spec: { ...template.spec, restartPolicy: "Never" } });
    expect(spec).toMatchObject({
      restartPolicy: "Never",
      dnsPolicy: "ClusterFirst",
      serviceAccountName: "default",
      volumes: [{ name: "kube-api-access-xxxxx" }],
    });
    expect(spec).not.toHaveProperty("initContainers");
    expect(spec.containers[0]).toMatchObject({
      name: "app",
      imagePullPolicy: "IfNotPresent",
      volumeMounts: [{ name: "kube-api-access-xxxxx", readOnly: true }],
    });
  });

  test("has no service account token where it asks for none", () => {
    const { spec } = podOf({ ...bare, spec: { ...template.spec, automountServiceAccountToken: false } });
    expect(spec.volumes).toEqual([]);
    expect(spec.containers[0]?.volumeMounts).toEqual([]);
  });

  test.each([
    ["shop/app:1", "IfNotPresent"],
    ["shop/app@sha256:00", "IfNotPresent"],
    ["shop/app:latest", "Always"],
    ["shop/app", "Always"],
    ["host.example:5000/app", "Always"],
  ])("pulls the image %s %s", (image, policy) => {
    const { spec } = podOf({ ...bare, spec: { containers: [{ name: "app", image }] } });
    expect(spec.containers[0]).toMatchObject({ imagePullPolicy: policy });
  });

  test("is given a name, a uid and addresses when it lands on its node", () => {
    const where = { name: "shop-1", uid: "u", nodeName: "n", podIp: "10.0.1.57", hostIp: "10.0.1.20" };
    const generated = { metadata: { generateName: "shop-" }, spec: { containers: [] } };
    expect(placed(generated, where)).toMatchObject({
      metadata: { name: "shop-1", uid: "u" },
      spec: { nodeName: "n" },
      status: { podIP: "10.0.1.57", hostIP: "10.0.1.20" },
    });
    expect(placed({ ...generated, metadata: { name: "own" } }, where).metadata?.name).toBe("own");
  });
});

test("an object without a pod leads to none", () => {
  expect(submitted({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } })).toBeUndefined();
});
