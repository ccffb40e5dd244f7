import { describe, expect, test } from "vitest";
import { documentsFor } from "../../../../injector/cli/trust/documents.ts";
import { parsePrincipal } from "../../../../injector/cli/trust/principal.ts";
import { role } from "../../../support/facts.ts";
import { ACCOUNT, ROLE, OTHER, HUB, provider, nodes, need, statements, codesOf } from "./documents-rig.ts";

describe("sources node and ambient", () => {
  test.for(["node", "ambient"] as const)("%s: trust the caller for this pod's tags alone", (source) => {
    const documents = documentsFor([need({ source })], { caller: nodes });
    expect(statements(documents, "trust")).toEqual([
      {
        Sid: "AssumeRole",
        Effect: "Allow",
        Principal: { AWS: nodes.arn },
        Action: ["sts:AssumeRole", "sts:TagSession"],
        Condition: {
          StringEquals: {
            "aws:RequestTag/kubernetes-namespace": "shop",
            "aws:RequestTag/kubernetes-service-account": "billing",
          },
        },
      },
    ]);
    expect(documents.map(({ document, of }) => [document, of])).toEqual([
      ["caller-permissions", nodes.arn],
      ["trust", ROLE],
    ]);
    expect(() => documentsFor([need({ source })], {})).toThrow(
      expect.objectContaining({ code: "PRINCIPAL_MISSING" }),
    );
  });

  test("give each service account a statement of its own, so that none gets another namespace's names", () => {
    const subjects = [
      ["shop", "a"],
      ["till", "b*"],
    ] as const;
    const documents = documentsFor([need({ source: "node", subjects })], { caller: nodes });
    expect(statements(documents, "trust")?.map(({ Sid, Condition }) => [Sid, Condition])).toEqual([
      [
        "AssumeRole1",
        {
          StringEquals: {
            "aws:RequestTag/kubernetes-namespace": "shop",
            "aws:RequestTag/kubernetes-service-account": "a",
          },
        },
      ],
      [
        "AssumeRole2",
        {
          StringEquals: { "aws:RequestTag/kubernetes-namespace": "till" },
          StringLike: { "aws:RequestTag/kubernetes-service-account": "b*" },
        },
      ],
    ]);
    expect(codesOf(documents)).toEqual(["SUBJECT_WILDCARD", "PRINCIPAL_SHARED"]);
  });

  test("put the caller's own permissions on a user or a role, and on no account", () => {
    const commandFor = (arn: string) =>
      documentsFor([need({ source: "ambient" })], { caller: parsePrincipal(arn) }).find(
        ({ document }) => document === "caller-permissions",
      )?.command;
    expect(commandFor(`${ACCOUNT}user/ci/deployer`)).toContain("put-user-policy --user-name deployer ");
    expect(commandFor(nodes.arn)).toContain("put-role-policy --role-name nodes ");
    expect(commandFor(`${ACCOUNT}root`)).toBeUndefined();
    const whole = documentsFor([need({ source: "ambient" })], { caller: parsePrincipal(`${ACCOUNT}root`) });
    expect(codesOf(whole)).toContain("PRINCIPAL_ACCOUNT");
  });

  test("go through a hub where there is one: the caller into the hub, the hub into the role", () => {
    const documents = documentsFor([need({ source: "node", of: OTHER }, { hubRole: role(HUB) })], {
      caller: nodes,
    });
    expect(documents.map(({ document, of }) => [document, of])).toEqual([
      ["caller-permissions", nodes.arn],
      ["hub-trust", HUB],
      ["hub-permissions", HUB],
      ["trust", OTHER],
    ]);
    expect(statements(documents, "hub-trust")).toMatchObject([
      { Principal: { AWS: nodes.arn }, Action: "sts:AssumeRole" },
    ]);
    expect(statements(documents, "trust")).toMatchObject([{ Principal: { AWS: HUB } }]);
  });
});

describe("every policy", () => {
  const many = [
    documentsFor(
      [
        need({
          subjects: [
            ["shop", "a"],
            ["*", "b"],
          ],
        }),
      ],
      { provider },
    ),
    documentsFor([need({ externalId: "x1", tags: '{"team":"a"}' }, { hubRole: role(HUB) })], { provider }),
    documentsFor(
      [
        need({
          source: "node",
          subjects: [
            ["shop", "a"],
            ["till", "b"],
          ],
        }),
      ],
      { caller: nodes },
    ),
    documentsFor([need({ source: "broker" }), need({ source: "broker", of: OTHER })], {
      caller: nodes,
      broker: { type: "web-identity", provider, audience: "sts.amazonaws.com", namespace: "podrole-system" },
    }),
    documentsFor([need({ source: "broker" })], { caller: nodes, broker: { type: "node" } }),
  ].flat();

  test("explains each of its lines: principal, action, resource and every condition", () => {
    for (const { policy, explanation } of many) {
      const lines = policy.Statement.flatMap(({ Principal = {}, Resource, Condition = {} }, index) =>
        [
          ...Object.keys(Principal).map((key) => `Principal.${key}`),
          "Action",
          ...(Resource === undefined ? [] : ["Resource"]),
          ...Object.entries(Condition).flatMap(([operator, pairs]) =>
            Object.keys(pairs ?? {}).map((key) => `Condition.${operator}.${key}`),
          ),
        ].map((line) => `Statement[${index}].${line}`),
      );
      const explained = explanation.map(({ at }) => at);
      expect(lines.filter((line) => !explained.includes(line))).toEqual([]);
      expect(explained.filter((at) => !lines.includes(at))).toEqual([]);
      for (const { text } of explanation) expect(text).toMatch(/^[A-Z].+\.$/);
    }
  });

  test("names its statements in letters and digits, each once, as IAM asks", () => {
    for (const { policy } of many) {
      const sids = policy.Statement.map(({ Sid }) => Sid);
      expect(sids.every((sid) => /^[A-Za-z0-9]+$/.test(sid))).toBe(true);
      expect(new Set(sids).size).toBe(sids.length);
    }
  });

  test("never has * as a principal or resource", () => {
    const principals = many.flatMap(({ policy }) =>
      policy.Statement.flatMap(({ Principal, Resource }) => [
        ...Object.values(Principal ?? {}),
        ...[Resource ?? ""].flat(),
      ]),
    );
    expect(principals.filter((one) => one.includes("*"))).toEqual([]);
  });
});
