import { describe, expect, test } from "vitest";
import { documentsFor } from "../../../../injector/cli/trust/documents.ts";
import { parsePrincipal } from "../../../../injector/cli/trust/principal.ts";
import { role } from "../../../support/facts.ts";
import { ACCOUNT, HUB, ISSUER, OTHER, ROLE, codesOf, need, provider, statements } from "./documents-rig.ts";

const caller = parsePrincipal(`${ACCOUNT}role/podrole-broker`);
const user = parsePrincipal(`${ACCOUNT}user/broker`);
const TAGS = {
  StringEquals: {
    "aws:RequestTag/kubernetes-namespace": "shop",
    "aws:RequestTag/kubernetes-service-account": "billing",
  },
};
const web = {
  type: "web-identity",
  provider,
  audience: "sts.amazonaws.com",
  namespace: "podrole-system",
} as const;
const names = (documents: ReturnType<typeof documentsFor>) =>
  documents.map(({ document, of }) => [document, of]);

describe("source broker", () => {
  test("trusts the broker alone, for this pod's tags, and lets it set the source identity", () => {
    const documents = documentsFor([need({ source: "broker" })], { caller });
    expect(names(documents)).toEqual([
      ["broker-permissions", caller.arn],
      ["trust", ROLE],
    ]);
    const Principal = { AWS: caller.arn };
    expect(statements(documents, "trust")).toEqual([
      {
        Sid: "AssumeRole",
        Effect: "Allow",
        Principal,
        Action: ["sts:AssumeRole", "sts:TagSession"],
        Condition: TAGS,
      },
      { Sid: "SetSourceIdentity", Effect: "Allow", Principal, Action: "sts:SetSourceIdentity" },
    ]);
    expect(statements(documents, "broker-permissions")).toMatchObject([
      { Action: ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], Resource: ROLE },
    ]);
    expect(documents.flatMap(({ warnings }) => warnings)).toEqual([
      {
        code: "PRINCIPAL_SHARED",
        message: `IAM cannot verify the tags: whoever can act as ${caller.arn} can claim any. The broker itself claims those of the pod that shows its token, as the API server has it.`,
      },
    ]);
    expect(() => documentsFor([need({ source: "broker" })], {})).toThrow(
      expect.objectContaining({
        code: "PRINCIPAL_MISSING",
        remedy: expect.stringContaining("podrole check"),
      }),
    );
  });

  test("asks the same of shared sessions: their tags name the service account, as the condition does", () => {
    const shared = need({ source: "broker" }, { shareSessions: true });
    expect(Object.keys(shared.steps[0]?.tags ?? {})).not.toContain("kubernetes-pod-name");
    expect(statements(documentsFor([shared], { caller }), "trust")).toEqual(
      statements(documentsFor([need({ source: "broker" })], { caller }), "trust"),
    );
  });

  test("allows neither source identity nor tags where the settings want none, and says what follows", () => {
    const plain = need({ source: "broker" }, { sourceIdentity: false, sessionTags: false });
    const documents = documentsFor([plain], { caller });
    expect(statements(documents, "trust")).toEqual([
      { Sid: "AssumeRole", Effect: "Allow", Principal: { AWS: caller.arn }, Action: "sts:AssumeRole" },
    ]);
    expect(codesOf(documents)).toEqual(["PODS_NOT_TOLD_APART"]);
  });

  test("sets the source identity in the last call alone where a hub role is between", () => {
    const chain = need({ source: "broker", externalId: "x1" }, { hubRole: role(HUB) });
    const documents = documentsFor([chain], { caller });
    expect(names(documents)).toEqual([
      ["broker-permissions", caller.arn],
      ["hub-trust", HUB],
      ["hub-permissions", HUB],
      ["trust", ROLE],
    ]);
    expect(statements(documents, "broker-permissions")).toMatchObject([
      { Action: "sts:AssumeRole", Resource: HUB },
    ]);
    expect(statements(documents, "hub-trust")).toMatchObject([
      { Principal: { AWS: caller.arn }, Action: "sts:AssumeRole" },
    ]);
    expect(statements(documents, "trust")?.map(({ Sid, Principal }) => [Sid, Principal])).toEqual([
      ["AssumeRole", { AWS: HUB }],
      ["TagSession", { AWS: HUB }],
      ["SetSourceIdentity", { AWS: HUB }],
    ]);
  });

  test("has one policy for all roles of the broker, and one trust policy for each role and the hub", () => {
    const wishes = [{ of: ROLE }, { of: OTHER }, { of: `${ACCOUNT}role/till` }];
    const needs = wishes.map((wish) => need({ source: "broker", ...wish }));
    const documents = documentsFor(needs, { caller, broker: web });
    expect(names(documents)).toEqual([
      ["broker-permissions", caller.arn],
      ["trust", ROLE],
      ["trust", OTHER],
      ["trust", `${ACCOUNT}role/till`],
      ["broker-trust", caller.arn],
    ]);
    expect(statements(documents, "broker-permissions")?.map(({ Sid, Resource }) => [Sid, Resource])).toEqual([
      ["Assume1", [ROLE, `${ACCOUNT}role/till`]],
      ["Assume2", OTHER],
    ]);
    expect(documents[0]?.command).toContain("--policy-name assume-roles-of-pods ");
    const hubRole = role(HUB);
    const chained = documentsFor(
      wishes.map((wish) => need({ source: "broker", ...wish }, { hubRole })),
      { caller },
    );
    expect(names(chained).map(([name]) => name)).toEqual([
      "broker-permissions",
      "hub-trust",
      "hub-permissions",
      "trust",
      "trust",
      "trust",
    ]);
    expect(statements(chained, "broker-permissions")).toMatchObject([{ Sid: "Assume", Resource: HUB }]);
  });

  test("warns where the broker's policy is longer than its inline policies may be", () => {
    const of = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        need({ source: "broker", of: `${ACCOUNT}role/reader-${index}` }),
      );
    const codes = (count: number, who = caller) => codesOf(documentsFor(of(count), { caller: who }));
    expect([codes(240), codes(40), codes(60, user)].map((all) => all.includes("POLICY_LONG"))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("other sources set no source identity", () => {
    for (const source of ["web-identity", "node", "ambient"] as const) {
      expect(need({ source }).sourceIdentity).toBe(false);
    }
  });
});

describe("the broker's own role", () => {
  const trustOf = (...broker: Parameters<typeof documentsFor>[1]["broker"][]) =>
    statements(
      documentsFor([need({ source: "broker" })], { caller, broker: broker[0] ?? web }),
      "broker-trust",
    );

  test("trusts the broker's service account by web identity", () => {
    expect(trustOf(web)).toMatchObject([
      {
        Principal: { Federated: `${ACCOUNT}oidc-provider/${ISSUER}` },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: {
            [`${ISSUER}:aud`]: "sts.amazonaws.com",
            [`${ISSUER}:sub`]: "system:serviceaccount:podrole-system:podrole-broker",
          },
        },
      },
    ]);
  });

  test("trusts EC2 where the broker has its node's role, by the name that EC2 has in China too", () => {
    expect(trustOf({ type: "node" })).toMatchObject([
      { Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
    ]);
    const china = parsePrincipal("arn:aws-cn:iam::111122223333:role/b");
    const of = "arn:aws-cn:iam::111122223333:role/r";
    const documents = documentsFor([need({ source: "broker", of })], {
      caller: china,
      broker: { type: "node" },
    });
    expect(statements(documents, "broker-trust")).toMatchObject([
      { Principal: { Service: "ec2.amazonaws.com.cn" } },
    ]);
  });

  test("is no role where the broker has a user's keys: there is nothing to trust, and only a user's permissions", () => {
    const documents = documentsFor([need({ source: "broker" })], {
      caller: user,
      broker: { type: "secret" },
    });
    expect(names(documents).map(([name]) => name)).toEqual(["broker-permissions", "trust"]);
    expect(documents[0]?.command).toContain("put-user-policy --user-name broker ");
    for (const broker of [web, { type: "node" } as const]) {
      expect(() => documentsFor([need({ source: "broker" })], { caller: user, broker })).toThrow(
        expect.objectContaining({
          code: "USAGE",
          remedy: expect.stringContaining("--broker-identity secret"),
        }),
      );
    }
  });

  test("of a cluster whose issuer AWS cannot reach: the warning offers another identity", () => {
    const broker = { ...web, provider: { ...provider, hostPath: "kubernetes.default.svc" } };
    const own = documentsFor([need({ source: "broker" })], { caller, broker }).find(
      ({ document }) => document === "broker-trust",
    );
    expect(own?.warnings).toMatchObject([
      { code: "ISSUER_PRIVATE", message: expect.stringContaining("by --broker-identity") },
    ]);
  });
});
