import { describe, expect, test } from "vitest";
import { givenPolicy } from "../../../../../injector/cli/trust/against/role-output.ts";
import { ROLE } from "../documents-rig.ts";
import { policyText, statement } from "./judge-rig.ts";

const DOCUMENT = policyText(statement());
const document: unknown = JSON.parse(DOCUMENT);
const role = { RoleName: "billing-reader", Arn: ROLE, AssumeRolePolicyDocument: document };
const encoded = encodeURIComponent(DOCUMENT);

describe("a given policy", () => {
  test.for([
    ["as get-role prints it", { Role: role }, ROLE],
    ["as get-role --query Role prints it", role, ROLE],
    ["as get-role --query Role.AssumeRolePolicyDocument prints it", document, undefined],
    ["with the document as the API gives it", { Role: { ...role, AssumeRolePolicyDocument: encoded } }, ROLE],
    ["as a JSON string, encoded", encoded, undefined],
    ["as a JSON string", DOCUMENT, undefined],
  ] as const)("is read %s", ([, value, arn]) => {
    const given = givenPolicy(`${JSON.stringify(value, null, 2)}\n`);
    expect([given.role, given.policy.statements.length]).toEqual([arn, 1]);
  });

  test("is read as bare URL-encoded text", () => {
    expect(givenPolicy(encoded).policy.statements).toHaveLength(1);
  });

  test("is taken with two empty Sids, as IAM's console writes them", () => {
    const text = policyText(statement({ Sid: "" }), statement({ Sid: "" }));
    expect(givenPolicy(text).policy.statements).toHaveLength(2);
  });

  test.for([
    ["nothing", "", "empty"],
    ["no JSON", "Role:\n  Arn: x", "not JSON"],
    ["half an encoding", "%7B%2", "not URL-encoded"],
    ["no policy", "{}", "no Statement"],
    ["an empty list of statements", '{"Statement":[]}', "no Statement"],
    ["another version", '{"Version":"2020-01-01","Statement":[]}', "Version"],
    ["an effect that is none", policyText(statement({ Effect: "allow" })), "Statement[0].Effect"],
    ["no principal", policyText(statement({ Principal: undefined })), "Statement[0] has no Principal"],
    ["no action", policyText(statement(), statement({ Action: undefined })), "Statement[1] has no Action"],
    ["a condition that is no object", policyText(statement({ Condition: [1] })), "Condition is no object"],
    [
      "a value that is no text",
      policyText(statement({ Condition: { StringEquals: { a: {} } } })),
      "Condition.StringEquals.a",
    ],
    ...["StringMatches", "ForSomeValues:StringEquals", "NullIfExists", "ForAnyValue:", "toString", ""].map(
      (name) =>
        [
          `the operator ${name}`,
          policyText(statement({ Effect: "Deny", Condition: { [name]: {} } })),
          `Statement[0].Condition has the operator ${name}, which IAM does not have`,
        ] as const,
    ),
    [
      "an operator that is nearly right",
      policyText(statement({ Condition: { "ForAnyValue:StringEqual": {} } })),
      "(StringEquals may be meant)",
    ],
    ["a Resource", policyText(statement({ Resource: "*" })), "Statement[0] has Resource"],
    ["a NotResource", policyText(statement({ NotResource: "*" })), "Statement[0] has NotResource"],
    ["an element that IAM does not have", policyText(statement({ Conditions: {} })), "has Conditions"],
    [
      "an element of the policy that IAM does not have",
      '{"Statement":[],"Principal":"*"}',
      "it has Principal",
    ],
    ["an action in two ways", policyText(statement({ NotAction: "sts:*" })), "both Action and NotAction"],
    [
      "a principal in two ways",
      policyText(statement({ NotPrincipal: "*" })),
      "both Principal and NotPrincipal",
    ],
    ["a kind of principal in other capitals", policyText(statement({ Principal: { aws: "*" } })), "has aws"],
    ["a Sid twice", policyText(statement({ Sid: "Pods" }), statement({ Sid: "Pods" })), "the Sid Pods"],
  ] as const)("is refused with what is wrong: %s", ([, text, why]) => {
    expect(() => givenPolicy(text)).toThrow(
      expect.objectContaining({ code: "POLICY_INVALID", message: expect.stringContaining(why) }),
    );
  });
});
