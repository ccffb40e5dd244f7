import { describe, expect, test } from "vitest";
import { parsePrincipal } from "../../../../../injector/cli/trust/principal.ts";
import { ACCOUNT, HUB, ISSUER, need, nodes, provider, ROLE } from "../documents-rig.ts";
import { judged, policyText, PROVIDER, said, statement, SUB, when } from "./judge-rig.ts";

const subIs = (operator: string, value: unknown) =>
  policyText(statement({ Condition: when({ [operator]: { [`${ISSUER}:sub`]: value } }) }));

describe("a policy lets a pod in by its token", () => {
  test.for([
    ["issuer, audience and subject letter by letter", policyText(statement())],
    ["the subject in a list", subIs("ForAnyValue:StringEquals", ["x", SUB])],
    ["a wildcard of StringLike", subIs("StringLike", "system:serviceaccount:shop:*")],
    ["one character by ?", subIs("StringLike", "system:serviceaccount:shop:billin?")],
    ["other capitals where they do not count", subIs("StringEqualsIgnoreCase", SUB.toUpperCase())],
    ["a negated operator that does not fit", subIs("StringNotLike", "system:serviceaccount:kube-system:*")],
    ["IfExists", subIs("StringEqualsIfExists", SUB)],
    [
      "a key in other capitals",
      policyText(statement({ Condition: { StringEquals: { [`${ISSUER.toUpperCase()}:SUB`]: SUB } } })),
    ],
    ["Null: false", subIs("Null", "false")],
    ["a boolean of Null", subIs("Null", false)],
    [
      "IfExists of a key that the call lacks",
      policyText(statement({ Condition: { StringEqualsIfExists: { "sts:ExternalId": "x" } } })),
    ],
    [
      "an action by wildcard, in other capitals",
      policyText(statement({ Action: ["sts:TagSession", "STS:AssumeRole*"] })),
    ],
    ["a NotAction", policyText(statement({ Action: undefined, NotAction: "sts:AssumeRole" }))],
    ["the second statement", policyText(statement({ Principal: { AWS: HUB } }), statement())],
    ["a list of providers", policyText(statement({ Principal: { Federated: ["arn:x", PROVIDER] } }))],
    [
      "a Deny of another subject",
      policyText(
        statement(),
        statement({ Effect: "Deny", Condition: { StringEquals: { [`${ISSUER}:sub`]: "x" } } }),
      ),
    ],
    ["TLS", policyText(statement({ Condition: { Bool: { "aws:SecureTransport": "true" } } }))],
  ] as const)("with %s", ([, text]) => {
    expect(said(text)).toEqual(["lets-in"]);
  });
});

describe("a policy refuses a pod, and the reason is", () => {
  const provided = (arn: string) => policyText(statement({ Principal: { Federated: arn } }));
  test.for([
    ["ISSUER", "another provider", provided(`${ACCOUNT}oidc-provider/oidc.example`)],
    ["ISSUER", "a slash more", provided(`${PROVIDER}/`)],
    [
      "ISSUER",
      "a key of another issuer",
      policyText(statement({ Condition: { StringEquals: { "oidc.example:sub": SUB } } })),
    ],
    [
      "ISSUER",
      "https:// in a key",
      policyText(statement({ Condition: { StringEquals: { [`https://${ISSUER}:sub`]: SUB } } })),
    ],
    ["ACCOUNT", "a provider of another account", provided(PROVIDER.replace("111122223333", "444455556666"))],
    ["PARTITION", "a provider of another partition", provided(PROVIDER.replace("aws", "aws-cn"))],
    ["PRINCIPAL", "no provider", provided("cognito-identity.amazonaws.com")],
    ["PRINCIPAL", "a role in place of a provider", policyText(statement({ Principal: { AWS: HUB } }))],
    [
      "AUDIENCE",
      "another audience",
      policyText(statement({ Condition: { StringEquals: { [`${ISSUER}:aud`]: "amazonaws.com" } } })),
    ],
    ["SUBJECT", "another service account", subIs("StringEquals", `${SUB}s`)],
    ["SUBJECT", "capitals", subIs("StringEquals", SUB.toUpperCase())],
    ["SUBJECT", "a wildcard that does not fit", subIs("StringLike", "system:serviceaccount:shops:*")],
    ["SUBJECT", "no value at all", subIs("StringEquals", [])],
    ["WILDCARD", "a wildcard in StringEquals", subIs("StringEquals", "system:serviceaccount:shop:*")],
    ["OPERATOR", "a negated operator", subIs("StringNotEquals", SUB)],
    ["OPERATOR", "a negated set operator", subIs("ForAnyValue:StringNotLike", "*")],
    ["OPERATOR", "an operator of ARNs", subIs("ArnLike", SUB)],
    ["OPERATOR", "an operator of numbers", subIs("NumericEquals", SUB)],
    ["OPERATOR", "Null: true", subIs("Null", "true")],
    ["ACTION", "AssumeRole", policyText(statement({ Action: "sts:AssumeRole" }))],
    ["ACTION", "a NotAction", policyText(statement({ Action: undefined, NotAction: "sts:*" }))],
    [
      "EXTERNAL_ID",
      "an external id",
      policyText(statement({ Condition: { StringEquals: { "sts:ExternalId": "x" } } })),
    ],
    ["TAGS", "tags", policyText(statement({ Condition: { StringEquals: { "aws:RequestTag/team": "x" } } }))],
    ["DENY", "a Deny", policyText(statement(), statement({ Effect: "Deny", Principal: "*" }))],
    [
      "CONDITION",
      "plain HTTP",
      policyText(statement({ Condition: { Bool: { "aws:SecureTransport": "false" } } })),
    ],
  ] as const)("%s: %s", ([code, , text]) => {
    expect(said(text)).toEqual(["refuses", code]);
  });

  test("nothing where no statement is an Allow", () => {
    expect(said(policyText(statement({ Effect: "Deny", Principal: { AWS: HUB } })))).toEqual(["refuses"]);
  });
});

describe("nobody can tell", () => {
  test.for([
    [
      "what only AWS knows",
      policyText(statement({ Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } })),
    ],
    [
      "a claim that IAM may have a key for",
      policyText(statement({ Condition: { StringEquals: { [`${ISSUER}:pod`]: "x" } } })),
    ],
    ["a variable", subIs("StringLike", "system:serviceaccount:${aws:PrincipalTag/ns}:*")],
    ["an operator in other capitals", subIs("stringequals", SUB)],
    ["Null with a value", subIs("Null", SUB)],
    ["a provider that is a wildcard", policyText(statement({ Principal: { Federated: "*" } }))],
    [
      "a tag that may be a number",
      policyText(statement({ Condition: { NumericEquals: { [`${ISSUER}:aud`]: "1" } } })),
    ],
    ["a NotPrincipal", policyText(statement({ Principal: undefined, NotPrincipal: { AWS: HUB } }))],
    ["* for a token", policyText(statement({ Principal: "*" }))],
    [
      "a Deny that may apply",
      policyText(
        statement(),
        statement({ Effect: "Deny", Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }),
      ),
    ],
    [
      "ForAnyValue with IfExists of a key that the call lacks",
      policyText(statement({ Condition: { "ForAnyValue:StringEqualsIfExists": { "aws:TagKeys": "x" } } })),
    ],
  ] as const)("with %s", ([, text]) => {
    expect(said(text)[0]).toBe("cannot-tell");
  });

  test.for([
    ...["stringEqualsIgnoreCase", "StringEqualsIfexists", "forAnyValue:StringEquals", "STRINGLIKE"].map(
      (operator) => [operator, { Condition: { [operator]: { [`${ISSUER}:sub`]: SUB } } }] as const,
    ),
    ["Null", { Condition: { Null: { [`${ISSUER}:sub`]: SUB } } }],
    ["Federated", { Principal: { Federated: "*" } }],
  ] as const)("whether a Deny applies that is not sure to: %s", ([, over]) => {
    const text = policyText(statement(), statement({ Effect: "Deny", ...over }));
    expect(said(text)[0]).toBe("cannot-tell");
  });

  test("whether a Deny of an external id applies that compares numbers", () => {
    const needs = [need({ source: "node", externalId: "12345" })];
    const trusting = {
      Effect: "Allow",
      Principal: { AWS: nodes.arn },
      Action: ["sts:AssumeRole", "sts:TagSession"],
    };
    const deny = { ...trusting, Effect: "Deny", Condition: { NumericEquals: { "sts:ExternalId": "12345" } } };
    expect(said(policyText(trusting), { needs, parties: { caller: nodes } })).toEqual(["lets-in"]);
    expect(said(policyText(trusting, deny), { needs, parties: { caller: nodes } })[0]).toBe("cannot-tell");
  });

  test("but a certain reason beside it refuses", () => {
    const condition = {
      IpAddress: { "aws:SourceIp": "10.0.0.0/8" },
      StringEquals: { [`${ISSUER}:sub`]: "x" },
    };
    expect(said(policyText(statement({ Condition: condition })))).toEqual([
      "refuses",
      "CONDITION",
      "SUBJECT",
    ]);
  });

  test("no variable is seen in a policy of the old version", () => {
    const old = JSON.stringify({
      Version: "2008-10-17",
      Statement: statement({ Condition: when({ StringLike: { [`${ISSUER}:sub`]: "${x}" } }) }),
    });
    expect(said(old)).toEqual(["refuses", "SUBJECT"]);
  });
});

describe("a policy for a caller", () => {
  const asNode = { needs: [need({ source: "node" })], parties: { caller: nodes } };
  const trusting = (AWS: unknown, over = {}) =>
    policyText({
      Effect: "Allow",
      Principal: { AWS },
      Action: ["sts:AssumeRole", "sts:TagSession"],
      ...over,
    });

  test.for([nodes.arn, "111122223333", `${ACCOUNT}root`, "*", ["x", nodes.arn]])(
    "lets in by principal %j",
    (AWS) => {
      expect(said(trusting(AWS), asNode)).toEqual(["lets-in"]);
    },
  );

  test.for([
    ["PRINCIPAL", `${ACCOUNT}role/team/nodes`],
    ["PRINCIPAL", `${ACCOUNT}role/*`],
    ["PRINCIPAL", "AROAEXAMPLEEXAMPLE123"],
    ["PRINCIPAL", "arn:aws:sts::111122223333:assumed-role/other/x"],
    ["ACCOUNT", "444455556666"],
    ["ACCOUNT", nodes.arn.replace("111122223333", "444455556666")],
    ["PARTITION", nodes.arn.replace("aws", "aws-us-gov")],
  ] as const)("refuses by %s: %s", ([code, AWS]) => {
    expect(said(trusting(AWS), asNode)).toEqual(["refuses", code, code]);
  });

  test("cannot tell of a session of the caller", () => {
    const session = "arn:aws:sts::111122223333:assumed-role/nodes/i-0abc";
    expect(said(trusting(session), asNode)[0]).toBe("cannot-tell");
  });

  test("needs sts:TagSession where the session has tags, and without it says so", () => {
    const [answer] = judged(trusting(nodes.arn, { Action: "sts:AssumeRole" }), asNode);
    expect(answer?.actions.map(({ action, answer: of }) => [action, of])).toEqual([
      ["sts:AssumeRole", "lets-in"],
      ["sts:TagSession", "refuses"],
    ]);
  });

  test("knows the tags of service account and namespace, and not those of a pod", () => {
    const tag = (name: string, value: string) =>
      said(
        trusting(nodes.arn, { Condition: { StringEquals: { [`aws:requesttag/${name}`]: value } } }),
        asNode,
      );
    expect(tag("kubernetes-namespace", "shop")).toEqual(["lets-in"]);
    expect(tag("kubernetes-namespace", "till")).toEqual(["refuses", "TAGS", "TAGS"]);
    expect(tag("kubernetes-pod-name", "web")[0]).toBe("cannot-tell");
    expect(tag("team", "web")).toEqual(["refuses", "TAGS", "TAGS"]);
  });

  test("compares the caller's ARN part by part", () => {
    const like = (arn: string) =>
      said(trusting("111122223333", { Condition: { ArnLike: { "aws:PrincipalArn": arn } } }), asNode);
    expect(like("*")[0]).toBe("cannot-tell");
    expect(like(`${ACCOUNT}role/x*`)).toEqual(["refuses", "PRINCIPAL", "PRINCIPAL"]);
    expect(like("arn:aws:iam:*")[0]).toBe("cannot-tell");
    expect(like(`${ACCOUNT}role/n*`)).toEqual(["lets-in"]);
  });

  test("takes the external id of AssumeRole, and none of TagSession", () => {
    const needs = [need({ source: "node", externalId: "tenant-7" })];
    const both = trusting(nodes.arn, { Condition: { StringEquals: { "sts:ExternalId": "tenant-7" } } });
    const [answer] = judged(both, { ...asNode, needs });
    expect(answer?.actions.map(({ answer: of }) => of)).toEqual(["lets-in", "refuses"]);
    expect(said(both, asNode)).toEqual(["refuses", "EXTERNAL_ID", "EXTERNAL_ID"]);
  });

  test("lets the broker in without sts:SetSourceIdentity, and says that this is left out", () => {
    const needs = [need({ source: "broker" }, { source: "broker" })];
    const [answer] = judged(trusting(nodes.arn), { needs, parties: { caller: nodes } });
    expect(answer).toMatchObject({ answer: "lets-in" });
    expect(answer?.actions.at(-1)).toMatchObject({
      action: "sts:SetSourceIdentity",
      required: false,
      answer: "refuses",
    });
  });
});

describe("the policy of a hub role or of the broker's role", () => {
  const needs = [need({ externalId: "x1" }, { hubRole: HUB as never })];

  test("is checked where its role's ARN is in the input, or --document names it", () => {
    const document = JSON.parse(policyText(statement())) as unknown;
    const output = JSON.stringify({ Role: { Arn: HUB, AssumeRolePolicyDocument: document } });
    expect(judged(output, { needs })).toMatchObject([
      { answer: "lets-in", call: { document: "hub-trust", role: HUB } },
    ]);
    expect(said(policyText(statement()), { needs, document: "hub-trust" })).toEqual(["lets-in"]);
    expect(said(policyText(statement()), { needs })[0]).toBe("refuses");
  });

  test("is checked for the broker's own service account", () => {
    const broker = {
      type: "web-identity",
      provider,
      audience: "sts.amazonaws.com",
      namespace: "podrole-system",
    } as const;
    const own = {
      needs: [need({ source: "broker" }, { source: "broker" })],
      parties: { caller: parsePrincipal(`${ACCOUNT}role/b`), broker },
    };
    const text = policyText(
      statement({
        Condition: {
          StringEquals: { [`${ISSUER}:sub`]: "system:serviceaccount:podrole-system:podrole-broker" },
        },
      }),
    );
    expect(said(text, { ...own, document: "broker-trust" })).toEqual(["lets-in"]);
    expect(said(policyText(statement()), { ...own, document: "broker-trust" })).toEqual([
      "refuses",
      "SUBJECT",
    ]);
  });

  test("is refused as input where nobody asks for its role", () => {
    const output = JSON.stringify({
      Role: {
        Arn: ROLE.replace("billing", "other"),
        AssumeRolePolicyDocument: JSON.parse(policyText(statement())),
      },
    });
    expect(() => judged(output)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
