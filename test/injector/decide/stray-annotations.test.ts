import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { strayAnnotations } from "../../support/stray-annotations.ts";
import { annotationsByKey } from "../../../injector/model/annotations.ts";

test.for([...annotationsByKey()])("%s gives no warning on its own kind of object", ([key, { on }]) => {
  expect(strayAnnotations(on, { [key]: "x" })).toEqual([]);
});

test("an annotation for pods and namespaces gives no warning on either, and one on a service account", () => {
  for (const key of [ANNOTATION.imds, ANNOTATION.imdsV1]) {
    expect(strayAnnotations("Pod", { [key]: "x" })).toEqual([]);
    expect(strayAnnotations("Namespace", { [key]: "x" })).toEqual([]);
    expect(strayAnnotations("ServiceAccount", { [key]: "x" })).toMatchObject([
      { code: "ANNOTATION_MISPLACED" },
    ]);
  }
});

describe("did you mean", () => {
  test.for([
    ["iam.amazonaws.com/rolle", ANNOTATION.role],
    ["iam.amazonaws.com/Role", ANNOTATION.role],
    ["iam.amazon.com/role", ANNOTATION.role],
    ["iam.amazonaws.com/session-names", ANNOTATION.peerSessionName],
    ["podrole.dev/skip-container", ANNOTATION.skipContainers],
    ["podrole.dev/sesion-duration", ANNOTATION.sessionDuration],
    ["podrole.io/region", ANNOTATION.region],
    ["podrole.dev/role", ANNOTATION.role],
    ["podrole.dev/role-arn", ANNOTATION.role],
    ["podrole.dev/external-id", ANNOTATION.externalId],
    ["iam.amazonaws.com/role-arn", ANNOTATION.role],
    ["iam.amazonaws.com/iamRole", ANNOTATION.role],
    ["eks.amazonaws.com/role_arn", ANNOTATION.role],
  ] as const)("%s: %s", ([key, meant]) => {
    expect(strayAnnotations("Pod", { [key]: "x" })).toMatchObject([{ remedy: `Did you mean ${meant}?` }]);
  });

  test.for(["podrole.dev/nothing-of-the-kind", "podrole.dev/constructor"])(
    "%s resembles no known annotation",
    (key) => {
      expect(strayAnnotations("Pod", { [key]: "x" })).toMatchObject([
        { remedy: "See the annotation reference." },
      ]);
    },
  );

  test.for([
    "prometheus.io/scrape",
    "iam.amazonaws.com/instance-profile-arn",
    "role",
    "__proto__",
    "constructor",
    "",
  ])("%j gives no warning", (key) => {
    expect(strayAnnotations("Pod", { [key]: "x" })).toEqual([]);
  });
});

test.for([
  "eks.amazonaws.com/role_arn",
  "eks.amazonaws.com/roleArn",
  "eks.amazonaws.com/rolearn",
  "eks.amazonaws.com/role",
  "eks.amazonaws.com/iam-role-arn",
  "eks.amazonaws.com/role-anr",
  "eks.amazon.com/role-arn",
  "podrole.dev/role",
  "iam.amazonaws.com/rolle",
])("on a service account, %s was meant to be IRSA's annotation", (key) => {
  expect(strayAnnotations("ServiceAccount", { [key]: "x" })).toMatchObject([
    { code: "ANNOTATION_UNKNOWN", remedy: `Did you mean ${ANNOTATION.serviceAccountRole}?` },
  ]);
});

test.for([
  "eks.amazonaws.com/sts-regional-endpoints",
  "eks.amazonaws.com/token-expiration",
  "eks.amazonaws.com/nodegroup",
])("%s is for EKS alone and gives no warning", (key) => {
  for (const on of ["Pod", "ServiceAccount", "Namespace"] as const)
    expect(strayAnnotations(on, { [key]: "x" })).toEqual([]);
});

describe("an annotation that names a role on the wrong object", () => {
  test.for([
    [
      "ServiceAccount",
      ANNOTATION.role,
      `Put it on the Pod, or write ${ANNOTATION.serviceAccountRole} instead.`,
    ],
    ["Namespace", ANNOTATION.role, `Put it on the Pod, or write ${ANNOTATION.namespaceDefaultRole} instead.`],
    [
      "Pod",
      ANNOTATION.serviceAccountRole,
      `Put it on the ServiceAccount, or write ${ANNOTATION.role} instead.`,
    ],
    ["Pod", ANNOTATION.namespaceDefaultRole, `Put it on the Namespace, or write ${ANNOTATION.role} instead.`],
  ] as const)("on a %s, %s: %s", ([on, key, remedy]) => {
    expect(strayAnnotations(on, { [key]: "x" })).toMatchObject([{ code: "ANNOTATION_MISPLACED", remedy }]);
  });

  test("gives no warning beside the right one, for then it is another tool's", () => {
    const both = { [ANNOTATION.role]: "x", [ANNOTATION.serviceAccountRole]: "x" };
    expect(strayAnnotations("Pod", both)).toEqual([]);
    expect(strayAnnotations("ServiceAccount", both)).toEqual([]);
  });

  test("is answered with the cluster's own key", () => {
    const keys = { ...ANNOTATION, role: "acme.com/role", serviceAccountRole: "acme.com/role-arn" };
    expect(strayAnnotations("Pod", { "podrole.dev/role": "x" }, keys)).toMatchObject([
      { remedy: "Did you mean acme.com/role?" },
    ]);
    expect(strayAnnotations("ServiceAccount", { "acme.com/role": "x" }, keys)).toMatchObject([
      { remedy: "Put it on the Pod, or write acme.com/role-arn instead." },
    ]);
  });
});

test("a known annotation on the wrong object gives a warning that names the right one", () => {
  expect(strayAnnotations("Pod", { [ANNOTATION.guard]: "off" })).toMatchObject([
    { code: "ANNOTATION_MISPLACED", severity: "warn", remedy: "Put it on the Namespace." },
  ]);
});

test("a huge key is shortened, and only some of very many odd keys are reported", () => {
  const huge = strayAnnotations("Pod", { [`podrole.dev/${"x".repeat(300_000)}`]: "" });
  expect(JSON.stringify(huge).length).toBeLessThan(600);
  const horde = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, index) => [`podrole.dev/x${index}`, ""]),
  );
  expect(strayAnnotations("Pod", horde).length).toBeLessThanOrEqual(20);
});
