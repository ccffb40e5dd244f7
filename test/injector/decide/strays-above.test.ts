import { describe, expect, test } from "vitest";
import { straysAbove } from "../../../injector/decide/strays-above.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";

const template = (annotations: object = {}) => ({ metadata: { annotations }, spec: { containers: [] } });
const deployment = (metadata: object, pod: object = template()) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata,
  spec: { template: pod },
});
const annotations = (...keys: readonly string[]) => ({
  annotations: Object.fromEntries(keys.map((key) => [key, "x"])),
});
const strays = (object: Readonly<Record<string, unknown>>) => straysAbove(object, config());

describe("annotations of a workload itself", () => {
  test("are one warning, which says where the pods' annotations are", () => {
    expect(
      strays(deployment(annotations(ANNOTATION.role, ANNOTATION.region, "app.kubernetes.io/x"))),
    ).toEqual([
      {
        code: "ANNOTATION_MISPLACED",
        severity: "warn",
        message: `${ANNOTATION.role} and ${ANNOTATION.region} on the Deployment itself have no effect on its pods.`,
        remedy: "Put them into spec.template.metadata.annotations.",
      },
    ]);
  });

  test("of a CronJob are looked for on its job template, too", () => {
    const cronJob = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: annotations("podrole.dev/role.app"),
      spec: { jobTemplate: { metadata: annotations(ANNOTATION.role), spec: { template: template() } } },
    };
    const target = "spec.jobTemplate.spec.template.metadata.annotations";
    expect(strays(cronJob).map(({ message, remedy }) => `${message} ${remedy}`)).toEqual([
      `podrole.dev/role.app on the CronJob itself has no effect on its pods. Put it into ${target}.`,
      `${ANNOTATION.role} on the CronJob's spec.jobTemplate has no effect on its pods. Put it into ${target}.`,
    ]);
  });

  test.for([
    ANNOTATION.serviceAccountRole,
    "eks.amazonaws.com/role_arn",
    "podrole.dev/role",
    ANNOTATION.namespaceDefaultRole,
  ])("in another spelling, as in %s, are answered with the pods' key and the service account's", (key) => {
    expect(strays(deployment(annotations(key)))).toMatchObject([
      {
        message: `${key} on the Deployment itself has no effect on its pods.`,
        remedy: `Write ${ANNOTATION.role} into spec.template.metadata.annotations, or ${ANNOTATION.serviceAccountRole} on the service account.`,
      },
    ]);
  });

  test("give no warning if the template has them, since controllers and charts copy annotations upward", () => {
    const both = annotations(ANNOTATION.role, ANNOTATION.region);
    expect(strays(deployment(both, template(both.annotations)))).toEqual([]);
    const forOthers = annotations(ANNOTATION.serviceAccountRole);
    expect(strays(deployment(forOthers, template({ [ANNOTATION.role]: "x" })))).toEqual([]);
  });

  test("that are another's, or podrole's own mark, give no warning", () => {
    const others = ["deployment.kubernetes.io/revision", "argocd.argoproj.io/tracking-id", ANNOTATION.status];
    expect(strays(deployment(annotations(...others)))).toEqual([]);
  });

  test("give the warning as labels, too", () => {
    expect(strays(deployment({ labels: { [ANNOTATION.role]: "reader", app: "web" } }))).toMatchObject([
      { code: "ANNOTATION_MISPLACED" },
    ]);
  });
});

test("a pod itself, an object without pods, and odd metadata give no warning", () => {
  const one = { apiVersion: "v1", kind: "Pod", metadata: annotations(ANNOTATION.role), spec: {} };
  expect(strays(one)).toEqual([]);
  expect(strays({ apiVersion: "v1", kind: "Service", metadata: annotations(ANNOTATION.role) })).toEqual([]);
  for (const metadata of [null, [], 7, { annotations: "x", labels: 7 }])
    expect(strays(deployment(metadata as object))).toEqual([]);
});
