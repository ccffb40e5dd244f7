import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { concerns, resultForReview, serviceAccountOfReview } from "../../../injector/review/review.ts";
import type { AdmissionResult } from "../../../injector/review/admission-result.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { app, FRESH } from "../../support/pods.ts";

const template = (spec: object = {}, role: string = BILLING) => ({
  metadata: { annotations: { [ANNOTATION.role]: role } },
  spec: { containers: [app], ...spec },
});
const workload = (apiVersion: string, kind: string, spec: object, metadata: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name: "web", ...metadata },
  spec,
});
const deployment = (pod: object, metadata: object = {}) =>
  workload("apps/v1", "Deployment", { replicas: 1, template: pod }, metadata);

const review = (object: unknown, resource = "deployments", group = "apps", over: object = {}) =>
  parseReview({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u",
      resource: { group, resource },
      namespace: "shop",
      operation: "CREATE",
      object,
      ...over,
    },
  });

const judged = (
  one: ReturnType<typeof review>,
  over: Parameters<typeof config>[0] = {},
  known = facts(),
): AdmissionResult => resultForReview(one, known, config(over), FRESH);

const codes = ({ findings }: AdmissionResult): readonly string[] =>
  findings.map(({ code, severity }) => `${severity} ${code}`);
const refused = template({ hostNetwork: true });

describe("a workload that is applied", () => {
  test.for([
    ["apps", "deployments", deployment(refused)],
    ["apps", "statefulsets", workload("apps/v1", "StatefulSet", { template: refused })],
    ["apps", "daemonsets", workload("apps/v1", "DaemonSet", { template: refused })],
    ["apps", "replicasets", workload("apps/v1", "ReplicaSet", { template: refused })],
    ["", "replicationcontrollers", workload("v1", "ReplicationController", { template: refused })],
    ["batch", "jobs", workload("batch/v1", "Job", { template: refused })],
    ["batch", "cronjobs", workload("batch/v1", "CronJob", { jobTemplate: { spec: { template: refused } } })],
  ] as const)(
    "of %s/%s gets a warning with the reason why its pods would be denied",
    ([group, resource, object]) => {
      const one = review(object, resource, group);
      expect(concerns(one)).toBe(true);
      const result = judged(one);
      expect(result).toMatchObject({ decision: "allow", operations: [] });
      expect(codes(result)).toEqual(["warn HOST_NETWORK"]);
      expect(result.findings[0]?.message).toBe(
        `Pods of this ${object.kind} will be denied: The pod uses the node's network, where a guard would also cut off the node itself from its metadata service.`,
      );
    },
  );

  test("is denied when the setting workloads is deny", () => {
    expect(judged(review(deployment(refused)), { workloads: "deny" })).toMatchObject({ decision: "deny" });
  });

  test("is not checked when the setting workloads is off", () => {
    expect(judged(review(deployment(refused)), { workloads: "off" })).toEqual({
      decision: "allow",
      operations: [],
      findings: [],
    });
  });

  test("is admitted unchanged when its pods would be admitted, and the result names their role", () => {
    expect(judged(review(deployment(template())))).toMatchObject({
      decision: "allow",
      operations: [],
      role: BILLING,
    });
  });

  test("gets the warnings of its pods in every mode", () => {
    const shadowed = template({ containers: [{ ...app, env: [{ name: "AWS_PROFILE", value: "x" }] }] });
    for (const workloads of ["warn", "deny"] as const) {
      expect(codes(judged(review(deployment(shadowed)), { workloads }))).toEqual([
        "warn CREDENTIALS_SHADOWED",
      ]);
    }
  });

  test("gets a warning when a Pod Security level forbids its pods' guard", () => {
    const known = facts({ labels: { "pod-security.kubernetes.io/enforce": "restricted" } });
    expect(codes(judged(review(deployment(template())), {}, known))).toEqual([]);
    const blocked = judged(review(deployment(template())), { guard: "block" }, known);
    expect(codes(blocked)).toEqual(["warn BLOCK_NEEDS_PRIVILEGED"]);
  });

  test("gets a warning when its service account is missing, unless it is `default`, which is made a moment later", () => {
    const one = review(deployment(template({ serviceAccountName: "billing" })));
    expect(serviceAccountOfReview(one)).toBe("billing");
    expect(codes(judged(one))).toEqual(["warn SERVICE_ACCOUNT_MISSING"]);
    expect(codes(judged(one, {}, facts({ account: {} })))).toEqual([]);
    expect(codes(judged(review(deployment(template()))))).toEqual([]);
  });

  test("gets a warning for a role on its own metadata, which its pods do not see", () => {
    const own = { annotations: { [ANNOTATION.role]: BILLING } };
    const bare = { spec: { containers: [app] } };
    expect(judged(review(deployment(bare, own)))).toMatchObject({
      decision: "allow",
      findings: [
        {
          code: "ANNOTATION_MISPLACED",
          message: `${ANNOTATION.role} on the Deployment itself has no effect on its pods.`,
          remedy: "Put it into spec.template.metadata.annotations.",
        },
      ],
    });
    expect(codes(judged(review(deployment(template(), own))))).toEqual([]);
  });

  test("for Windows nodes gets a warning when its pods ask for a role in vain", () => {
    const windows = template({ nodeSelector: { "beta.kubernetes.io/os": "windows" } });
    expect(judged(review(deployment(windows)), { workloads: "deny" })).toMatchObject({
      decision: "skip",
      reason: "windows-pod",
      findings: [{ code: "WINDOWS_WITHOUT_ROLE" }],
    });
  });

  test("in a namespace without the label is skipped", () => {
    const known = facts({ labels: { "podrole.dev/inject": "" } });
    expect(judged(review(deployment(refused)), { workloads: "deny" }, known)).toMatchObject({
      decision: "skip",
      reason: "namespace-not-labelled",
      findings: [],
    });
  });
});

describe("a workload that was checked before", () => {
  const deny = { workloads: "deny" } as const;
  const update = (object: unknown, oldObject: unknown) =>
    review(object, "deployments", "apps", { operation: "UPDATE", oldObject });

  test("can be scaled and can lose its finalizers, even if its template would be denied now", () => {
    const before = deployment(refused, { finalizers: ["x"] });
    const scaled = { ...deployment(refused), spec: { replicas: 0, template: refused } };
    expect(judged(update(scaled, before), deny)).toEqual({ decision: "allow", operations: [], findings: [] });
  });

  test("is checked again when its template changes", () => {
    expect(judged(update(deployment(refused), deployment(template())), deny)).toMatchObject({
      decision: "deny",
    });
  });

  test("gets the warning for its own metadata when that changes, and not with every other change", () => {
    const bare = { spec: { containers: [app] } };
    const own = { annotations: { [ANNOTATION.role]: BILLING } };
    const [before, after] = [deployment(bare), deployment(bare, own)];
    expect(codes(judged(update(after, before)))).toEqual(["warn ANNOTATION_MISPLACED"]);
    expect(codes(judged(update(after, after)))).toEqual([]);
    expect(codes(judged(update(after, before), { workloads: "off" }))).toEqual([]);
    const owned = { ...own, ownerReferences: [{ kind: "CronJob", name: "c", controller: true }] };
    expect(codes(judged(update(deployment(bare, owned), before)))).toEqual([]);
  });

  test("is not checked again when it is the ReplicaSet or Job of another workload", () => {
    const owned = { ownerReferences: [{ kind: "Deployment", name: "web", controller: true }] };
    const replicaSet = workload("apps/v1", "ReplicaSet", { template: refused }, owned);
    expect(judged(review(replicaSet, "replicasets"), deny)).toMatchObject({
      decision: "allow",
      findings: [],
    });
    const merely = { ownerReferences: [{ kind: "Thing", name: "x" }] };
    const other = workload("apps/v1", "ReplicaSet", { template: refused }, merely);
    expect(judged(review(other, "replicasets"), deny)).toMatchObject({ decision: "deny" });
  });
});

describe("an odd workload", () => {
  test.for([null, 7, [], {}, { spec: null }, deployment({ spec: 7 }), deployment({})])(
    "is answered: %j",
    (object) => {
      expect(["allow", "deny"]).toContain(judged(review(object), { workloads: "deny" }).decision);
    },
  );

  test("whose template is no pod gets a message that says where", () => {
    const result = judged(review(deployment({ spec: { containers: [{ name: 7 }] } })));
    expect(result.findings[0]?.message).toContain("pod.spec.containers[0].name is not a string");
  });
});
