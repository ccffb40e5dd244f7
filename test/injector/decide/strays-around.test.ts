import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { admitted, codes, plainPod, pod } from "../../support/pods.ts";

describe("the role of a service account in kube2iam's spelling", () => {
  const known = facts({ account: { [ANNOTATION.role]: BILLING } });

  test("is a warning on a pod without a role, which says where it belongs", () => {
    expect(admitted(plainPod(), known)).toMatchObject({
      kind: "inject",
      sidecar: undefined,
      findings: [
        {
          code: "ANNOTATION_MISPLACED",
          severity: "warn",
          message: `The annotation ${ANNOTATION.role} of service account shop/default has no effect.`,
          remedy: `Put it on the Pod, or write ${ANNOTATION.serviceAccountRole} instead.`,
        },
      ],
    });
  });

  test("is not mentioned if the pod names its role itself, wants none, or the account names one as well", () => {
    expect(codes(pod(), known)).toEqual([]);
    expect(codes(pod({}, { [ANNOTATION.inject]: "false" }), known)).toEqual([]);
    const both = { [ANNOTATION.role]: "x", [ANNOTATION.serviceAccountRole]: BILLING };
    expect(codes(plainPod(), facts({ account: both }))).toEqual([]);
  });
});

test("a mistyped key of IRSA on the service account is a warning that names the right one", () => {
  const known = facts({ account: { "eks.amazonaws.com/role_arn": BILLING } });
  expect(admitted(plainPod(), known).findings).toMatchObject([
    {
      code: "ANNOTATION_UNKNOWN",
      message:
        "The annotation eks.amazonaws.com/role_arn of service account shop/default is unknown and has no effect.",
      remedy: `Did you mean ${ANNOTATION.serviceAccountRole}?`,
    },
  ]);
});

test("an annotation of the pod is a warning on its service account, whether or not the pod has a role", () => {
  const known = facts({ account: { [ANNOTATION.region]: "eu-west-1" } });
  expect(codes(plainPod(), known)).toEqual(["ANNOTATION_MISPLACED"]);
  expect(codes(pod(), known)).toEqual(["ANNOTATION_MISPLACED"]);
});

describe("the role of a namespace in the pod's spelling", () => {
  const known = facts({ annotations: { [ANNOTATION.role]: BILLING, "podrole.dev/gaurd": "off" } });

  test("is a warning on pods to which nothing else gives a role, and other mistakes are left to podrole check", () => {
    expect(admitted(plainPod(), known).findings).toMatchObject([
      {
        code: "ANNOTATION_MISPLACED",
        message: `The annotation ${ANNOTATION.role} of namespace shop has no effect.`,
        remedy: `Put it on the Pod, or write ${ANNOTATION.namespaceDefaultRole} instead.`,
      },
    ]);
    expect(codes(pod(), known)).toEqual([]);
    const withAccount = facts({
      annotations: known.namespace.annotations,
      account: { [ANNOTATION.serviceAccountRole]: BILLING },
    });
    expect(codes(plainPod(), withAccount)).toEqual([]);
  });
});

describe("a label with the key of an annotation", () => {
  const labelled = (labels: Readonly<Record<string, string>>, one = plainPod()) => ({
    ...one,
    metadata: { ...one.metadata, labels },
  });

  test("is a warning", () => {
    expect(admitted(labelled({ app: "web", [ANNOTATION.role]: "billing-reader" })).findings).toMatchObject([
      {
        code: "ANNOTATION_MISPLACED",
        message: `The label ${ANNOTATION.role} has no effect.`,
        remedy: "Make it an annotation.",
      },
    ]);
    expect(codes(labelled({ [ANNOTATION.inject]: "false" }))).toEqual(["ANNOTATION_MISPLACED"]);
  });

  test("gives no warning if the pod has the annotation, too", () => {
    expect(codes(labelled({ [ANNOTATION.role]: "billing-reader" }, pod()))).toEqual([]);
  });

  test("is a warning on a namespace, but not the label that puts it under podrole", () => {
    const known = facts({ labels: { [ANNOTATION.namespaceDefaultRole]: "reader" } });
    expect(admitted(plainPod(), known).findings).toMatchObject([
      { message: `The label ${ANNOTATION.namespaceDefaultRole} of namespace shop has no effect.` },
    ]);
  });
});
