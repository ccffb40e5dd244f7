import { describe, expect, test } from "vitest";
import { documentsFor } from "../../../../injector/cli/trust/documents.ts";
import { aboutHub } from "../../../../injector/cli/trust/need.ts";
import { parseIssuer, parseProviderArn } from "../../../../injector/cli/trust/provider.ts";
import { config } from "../../../support/config.ts";
import { role } from "../../../support/facts.ts";
import { ACCOUNT, ROLE, OTHER, HUB, ISSUER, provider, need, statements, codesOf } from "./documents-rig.ts";

describe("source web-identity", () => {
  test("trusts the role's account's provider, for AWS's audience and one service account, letter by letter", () => {
    const documents = documentsFor([need()], { provider });
    expect(documents).toHaveLength(1);
    expect(documents[0]).toMatchObject({ document: "trust", of: ROLE, warnings: [] });
    expect(documents[0]?.policy).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "PodsOfServiceAccount",
          Effect: "Allow",
          Principal: { Federated: `${ACCOUNT}oidc-provider/${ISSUER}` },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              [`${ISSUER}:aud`]: "sts.amazonaws.com",
              [`${ISSUER}:sub`]: "system:serviceaccount:shop:billing",
            },
          },
        },
      ],
    });
  });

  test("trusts the installation's audience where that is another", () => {
    const [statement] =
      statements(documentsFor([need({}, { tokenAudience: "amazonaws.com" })], { provider }), "trust") ?? [];
    expect(statement?.Condition?.StringEquals?.[`${ISSUER}:aud`]).toBe("amazonaws.com");
  });

  test("names the role without its path in the command", () => {
    const [{ command } = {}] = documentsFor([need()], { provider });
    expect(command).toBe(
      "aws iam update-assume-role-policy --role-name billing-reader --policy-document file://trust.json",
    );
  });

  test.for([
    ["arn:aws-cn:iam::111122223333:role/r", "arn:aws-cn:iam::111122223333:oidc-provider/"],
    ["arn:aws-us-gov:iam::111122223333:role/r", "arn:aws-us-gov:iam::111122223333:oidc-provider/"],
  ] as const)("keeps to the partition of %s", ([of, start]) => {
    const [statement] = statements(documentsFor([need({ of })], { provider }), "trust") ?? [];
    expect(statement?.Principal).toEqual({ Federated: `${start}${ISSUER}` });
    expect(statement?.Condition?.StringEquals?.[`${ISSUER}:aud`]).toBe("sts.amazonaws.com");
  });

  test("lists several service accounts in one condition, and one that stands twice once", () => {
    const subjects = [
      ["shop", "a"],
      ["till", "b"],
      ["shop", "a"],
    ] as const;
    const [statement] = statements(documentsFor([need({ subjects })], { provider }), "trust") ?? [];
    expect(statement?.Condition?.StringEquals?.[`${ISSUER}:sub`]).toEqual([
      "system:serviceaccount:shop:a",
      "system:serviceaccount:till:b",
    ]);
  });

  test("uses StringLike only where a wildcard is asked for, apart from the exact names, and warns", () => {
    const subjects = [
      ["shop", "billing"],
      ["shop", "job-*"],
    ] as const;
    const documents = documentsFor([need({ subjects })], { provider });
    expect(statements(documents, "trust")?.map(({ Condition }) => Condition)).toEqual([
      {
        StringEquals: {
          [`${ISSUER}:aud`]: "sts.amazonaws.com",
          [`${ISSUER}:sub`]: "system:serviceaccount:shop:billing",
        },
      },
      {
        StringEquals: { [`${ISSUER}:aud`]: "sts.amazonaws.com" },
        StringLike: { [`${ISSUER}:sub`]: "system:serviceaccount:shop:job-*" },
      },
    ]);
    expect(codesOf(documents)).toEqual(["SUBJECT_WILDCARD"]);
  });

  test("warns of the default account, of an issuer that AWS cannot reach, and of a provider elsewhere", () => {
    const all = (issuer: string) =>
      codesOf(
        documentsFor([need({ subjects: [["shop", "default"]] })], { provider: parseIssuer(issuer, "test") }),
      );
    expect(all("https://kubernetes.default.svc.cluster.local")).toEqual([
      "SUBJECT_DEFAULT",
      "ISSUER_PRIVATE",
    ]);
    expect(all("https://10.0.0.1/")).toEqual(["SUBJECT_DEFAULT", "ISSUER_PRIVATE", "ISSUER_SLASH"]);
    const elsewhere = parseProviderArn(`arn:aws:iam::999988887777:oidc-provider/${ISSUER}`);
    expect(codesOf(documentsFor([need()], { provider: elsewhere }))).toEqual(["PROVIDER_ELSEWHERE"]);
  });

  test("warns where the policy is longer than IAM takes", () => {
    const subjects = Array.from({ length: 60 }, (_, n) => ["shop", `service-account-${n}`] as const);
    expect(codesOf(documentsFor([need({ subjects })], { provider }))).toEqual(["POLICY_LONG"]);
  });

  test("refuses another partition's provider, and no provider at all", () => {
    const chinese = parseProviderArn(`arn:aws-cn:iam::111122223333:oidc-provider/${ISSUER}`);
    expect(() => documentsFor([need()], { provider: chinese })).toThrow(/different AWS partitions/);
    expect(() => documentsFor([need()], {})).toThrow(/OIDC issuer/);
  });
});

describe("source web-identity through a hub", () => {
  const over = { hubRole: role(HUB), clusterName: "prod" };
  const documents = documentsFor([need({ of: OTHER, externalId: "tenant-7" }, over)], { provider });

  test("needs the hub's trust, the hub's permissions and the role's trust, in the order of the calls", () => {
    expect(documents.map(({ document, of }) => [document, of])).toEqual([
      ["hub-trust", HUB],
      ["hub-permissions", HUB],
      ["trust", OTHER],
    ]);
  });

  test("lets the service account into the hub, and the hub into that one role", () => {
    expect(statements(documents, "hub-trust")).toMatchObject([
      {
        Principal: { Federated: `${ACCOUNT}oidc-provider/${ISSUER}` },
        Action: "sts:AssumeRoleWithWebIdentity",
      },
    ]);
    expect(statements(documents, "hub-permissions")).toEqual([
      { Sid: "Assume", Effect: "Allow", Action: ["sts:AssumeRole", "sts:TagSession"], Resource: OTHER },
    ]);
  });

  test("asks for the external id where the role is assumed, and not where the session is tagged", () => {
    const byTags = {
      "aws:RequestTag/kubernetes-namespace": "shop",
      "aws:RequestTag/kubernetes-service-account": "billing",
      "aws:RequestTag/kubernetes-cluster-name": "prod",
    };
    expect(statements(documents, "trust")).toEqual([
      {
        Sid: "AssumeRole",
        Effect: "Allow",
        Principal: { AWS: HUB },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "sts:ExternalId": "tenant-7", ...byTags } },
      },
      {
        Sid: "TagSession",
        Effect: "Allow",
        Principal: { AWS: HUB },
        Action: "sts:TagSession",
        Condition: { StringEquals: byTags },
      },
    ]);
    expect(codesOf(documents)).toEqual(["PRINCIPAL_SHARED"]);
  });

  test("requires no tags that the sidecar does not send, and warns that pods are not told apart", () => {
    const silent = documentsFor([need({ externalId: "tenant-7" }, { ...over, sessionTags: false })], {
      provider,
    });
    expect(statements(silent, "trust")).toMatchObject([
      { Action: "sts:AssumeRole", Condition: { StringEquals: { "sts:ExternalId": "tenant-7" } } },
    ]);
    expect(statements(silent, "hub-permissions")).toMatchObject([{ Action: "sts:AssumeRole" }]);
    expect(codesOf(silent)).toEqual(["PODS_NOT_TOLD_APART"]);
  });

  test("is not used by a pod that asks for neither external id nor tags, which is a warning", () => {
    const direct = need({}, over);
    expect(documentsFor([direct], { provider }).map(({ document }) => document)).toEqual(["trust"]);
    expect(aboutHub(direct, config(over))).toMatchObject([{ code: "HUB_UNUSED" }]);
  });

  test("is required for an external id, with the code that a pod would be denied by", () => {
    expect(() => need({ externalId: "tenant-7" })).toThrow(
      expect.objectContaining({ code: "HUB_ROLE_MISSING" }),
    );
    expect(() => need({ tags: "{" }, over)).toThrow(expect.objectContaining({ code: "ANNOTATION_INVALID" }));
  });
});
