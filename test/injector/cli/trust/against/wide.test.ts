import { describe, expect, test } from "vitest";
import { ISSUER, need, nodes } from "../documents-rig.ts";
import { judged, policyText, statement, SUB, when } from "./judge-rig.ts";

describe("a policy that lets a pod in warns of whom else it lets in", () => {
  const codes = (text: string, over = {}) =>
    judged(text, over).flatMap((one) => [one.answer, ...one.warnings.map(({ code }) => code)]);
  const sub = (operator: string, value: unknown) => ({ [operator]: { [`${ISSUER}:sub`]: value } });
  const OTHER = "system:serviceaccount:kube-system:x";

  test.for([
    ["no condition is on the subject", {}],
    ["the subject only has to be there", sub("Null", "false")],
    ["another subject alone is kept out", sub("StringNotEquals", OTHER)],
    [
      "the subjects of a namespace alone are kept out",
      sub("StringNotLike", "system:serviceaccount:kube-system:*"),
    ],
    ["subjects are kept out, whatever the capitals", sub("StringNotEqualsIgnoreCase", OTHER)],
  ] as const)("by their tokens, where %s", ([, operators]) => {
    const text = policyText(
      statement({
        Condition: { StringEquals: { [`${ISSUER}:aud`]: "sts.amazonaws.com" }, ...operators },
      }),
    );
    expect(codes(text)).toEqual(["lets-in", "TRUST_WIDE"]);
    const [answer] = judged(text);
    expect(answer?.warnings[0]?.message).toMatch(/^No condition names the subject/);
  });

  test("by a wildcard, and not where another condition names the subject", () => {
    const like = sub("StringLike", ["x", "system:serviceaccount:shop:*"]);
    const both = { ...like, ...sub("StringEqualsIfExists", SUB) };
    expect(codes(policyText(statement({ Condition: when(like) })))).toEqual(["lets-in", "TRUST_WIDE"]);
    expect(codes(policyText(statement({ Condition: when(both) })))).toEqual(["lets-in"]);
    expect(codes(policyText(statement()))).toEqual(["lets-in"]);
  });

  test("by a second statement, too", () => {
    const text = policyText(statement(), statement({ Condition: undefined }));
    expect(codes(text)).toEqual(["lets-in", "TRUST_WIDE"]);
  });

  const trusting = (Condition: object) =>
    policyText({
      Effect: "Allow",
      Principal: { AWS: nodes.arn },
      Action: ["sts:AssumeRole", "sts:TagSession"],
      Condition,
    });
  const NAMESPACE = "aws:RequestTag/kubernetes-namespace";
  const asNode = {
    needs: [need({ source: "node" }, { clusterName: "prod" })],
    parties: { caller: nodes },
  };

  test.for([
    ["no condition is on a tag", {}],
    [
      "the cluster's tag alone is named",
      { StringEquals: { "aws:RequestTag/kubernetes-cluster-name": "prod" } },
    ],
    ["the namespace's tag only has to be there", { Null: { [NAMESPACE]: "false" } }],
    ["another namespace alone is kept out", { StringNotEquals: { [NAMESPACE]: "kube-system" } }],
    ["the tag fits whatever it is", { StringLike: { [NAMESPACE]: "*" } }],
    ["the tag may be absent", { StringEqualsIfExists: { [NAMESPACE]: "shop" } }],
    ["the tag may be absent from all", { "ForAllValues:StringEquals": { [NAMESPACE]: "shop" } }],
  ] as const)("by their tags, where %s", ([, condition]) => {
    expect(codes(trusting(condition), asNode)).toEqual(["lets-in", "PODS_NOT_TOLD_APART"]);
  });

  test.for([
    { StringEquals: { [NAMESPACE]: "shop" } },
    { StringLike: { "aws:requesttag/Kubernetes-Service-Account": "bill*" } },
  ])("by their tags, and not where one names the pods: %j", (condition) => {
    expect(codes(trusting(condition), asNode)).toEqual(["lets-in"]);
  });
});
