import { describe, expect, test } from "vitest";
import type { Source } from "../../../../sidecar/contract/session.ts";
import { documentsFor, type Need } from "../../../../injector/cli/trust/documents.ts";
import { aboutHub, needOfWishes } from "../../../../injector/cli/trust/need.ts";
import { parsePrincipal } from "../../../../injector/cli/trust/principal.ts";
import { parseIssuer, parseProviderArn } from "../../../../injector/cli/trust/provider.ts";
import { parseSubject } from "../../../../injector/cli/trust/subject.ts";
import { config } from "../../../support/config.ts";
import { role } from "../../../support/facts.ts";

const ACCOUNT = "arn:aws:iam::111122223333:";
const ROLE = `${ACCOUNT}role/team/billing-reader`;
const OTHER = "arn:aws:iam::444455556666:role/ledger";
const HUB = `${ACCOUNT}role/hub`;
const ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/ABC";
const provider = parseIssuer(`https://${ISSUER}`, "test");
const nodes = parsePrincipal(`${ACCOUNT}role/nodes`);

interface Ask {
  readonly of?: string;
  readonly source?: Source;
  readonly subjects?: readonly (readonly [string, string])[];
  readonly externalId?: string;
  readonly tags?: string;
}

const need = (
  { of = ROLE, source = "web-identity", subjects = [["shop", "billing"]], externalId, tags }: Ask = {},
  over: Parameters<typeof config>[0] = {},
): Need =>
  needOfWishes(
    {
      role: of,
      base: undefined,
      source,
      subjects: subjects.map(([namespace, account]) => parseSubject(namespace, account)),
      externalId,
      sessionTags: tags,
    },
    config(over),
  );
const statements = (documents: ReturnType<typeof documentsFor>, name: string) =>
  documents.find(({ document }) => document === name)?.policy.Statement;
const codesOf = (documents: ReturnType<typeof documentsFor>) =>
  documents.flatMap(({ warnings }) => warnings.map(({ code }) => code));

describe("source web-identity", () => {
  test("trusts the role's account's provider, for AWS's audience and one service account, letter by letter", () => {
    const documents = documentsFor(need(), { provider });
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

  test("names the role without its path in the command", () => {
    const [{ command } = {}] = documentsFor(need(), { provider });
    expect(command).toBe(
      "aws iam update-assume-role-policy --role-name billing-reader --policy-document file://trust.json",
    );
  });

  test.for([
    ["arn:aws-cn:iam::111122223333:role/r", "arn:aws-cn:iam::111122223333:oidc-provider/"],
    ["arn:aws-us-gov:iam::111122223333:role/r", "arn:aws-us-gov:iam::111122223333:oidc-provider/"],
  ] as const)("keeps to the partition of %s", ([of, start]) => {
    const [statement] = statements(documentsFor(need({ of }), { provider }), "trust") ?? [];
    expect(statement?.Principal).toEqual({ Federated: `${start}${ISSUER}` });
    expect(statement?.Condition?.StringEquals?.[`${ISSUER}:aud`]).toBe("sts.amazonaws.com");
  });

  test("lists several service accounts in one condition, and one that stands twice once", () => {
    const subjects = [
      ["shop", "a"],
      ["till", "b"],
      ["shop", "a"],
    ] as const;
    const [statement] = statements(documentsFor(need({ subjects }), { provider }), "trust") ?? [];
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
    const documents = documentsFor(need({ subjects }), { provider });
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
        documentsFor(need({ subjects: [["shop", "default"]] }), { provider: parseIssuer(issuer, "test") }),
      );
    expect(all("https://kubernetes.default.svc.cluster.local")).toEqual([
      "SUBJECT_DEFAULT",
      "ISSUER_PRIVATE",
    ]);
    expect(all("https://10.0.0.1/")).toEqual(["SUBJECT_DEFAULT", "ISSUER_PRIVATE", "ISSUER_SLASH"]);
    const elsewhere = parseProviderArn(`arn:aws:iam::999988887777:oidc-provider/${ISSUER}`);
    expect(codesOf(documentsFor(need(), { provider: elsewhere }))).toEqual(["PROVIDER_ELSEWHERE"]);
  });

  test("warns where the policy is longer than IAM takes", () => {
    const subjects = Array.from({ length: 60 }, (_, n) => ["shop", `service-account-${n}`] as const);
    expect(codesOf(documentsFor(need({ subjects }), { provider }))).toEqual(["POLICY_LONG"]);
  });

  test("refuses another partition's provider, and no provider at all", () => {
    const chinese = parseProviderArn(`arn:aws-cn:iam::111122223333:oidc-provider/${ISSUER}`);
    expect(() => documentsFor(need(), { provider: chinese })).toThrow(/different AWS partitions/);
    expect(() => documentsFor(need(), {})).toThrow(/OIDC issuer/);
  });
});

describe("source web-identity through a hub", () => {
  const over = { hubRole: role(HUB), clusterName: "prod" };
  const documents = documentsFor(need({ of: OTHER, externalId: "tenant-7" }, over), { provider });

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
    const silent = documentsFor(need({ externalId: "tenant-7" }, { ...over, sessionTags: false }), {
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
    expect(documentsFor(direct, { provider }).map(({ document }) => document)).toEqual(["trust"]);
    expect(aboutHub(direct, config(over))).toMatchObject([{ code: "HUB_UNUSED" }]);
  });

  test("is required for an external id, with the code that a pod would be denied by", () => {
    expect(() => need({ externalId: "tenant-7" })).toThrow(
      expect.objectContaining({ code: "HUB_ROLE_MISSING" }),
    );
    expect(() => need({ tags: "{" }, over)).toThrow(expect.objectContaining({ code: "ANNOTATION_INVALID" }));
  });
});

describe("sources node and ambient", () => {
  test.for(["node", "ambient"] as const)("%s: trust the caller for this pod's tags alone", (source) => {
    const documents = documentsFor(need({ source }), { caller: nodes });
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
    expect(() => documentsFor(need({ source }), {})).toThrow(
      expect.objectContaining({ code: "PRINCIPAL_MISSING" }),
    );
  });

  test("give each service account a statement of its own, so that none gets another namespace's names", () => {
    const subjects = [
      ["shop", "a"],
      ["till", "b*"],
    ] as const;
    const documents = documentsFor(need({ source: "node", subjects }), { caller: nodes });
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
      documentsFor(need({ source: "ambient" }), { caller: parsePrincipal(arn) }).find(
        ({ document }) => document === "caller-permissions",
      )?.command;
    expect(commandFor(`${ACCOUNT}user/ci/deployer`)).toContain("put-user-policy --user-name deployer ");
    expect(commandFor(nodes.arn)).toContain("put-role-policy --role-name nodes ");
    expect(commandFor(`${ACCOUNT}root`)).toBeUndefined();
    const whole = documentsFor(need({ source: "ambient" }), { caller: parsePrincipal(`${ACCOUNT}root`) });
    expect(codesOf(whole)).toContain("PRINCIPAL_ACCOUNT");
  });

  test("go through a hub where there is one: the caller into the hub, the hub into the role", () => {
    const documents = documentsFor(need({ source: "node", of: OTHER }, { hubRole: role(HUB) }), {
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
      need({
        subjects: [
          ["shop", "a"],
          ["*", "b"],
        ],
      }),
      { provider },
    ),
    documentsFor(need({ externalId: "x1", tags: '{"team":"a"}' }, { hubRole: role(HUB) }), { provider }),
    documentsFor(
      need({
        source: "node",
        subjects: [
          ["shop", "a"],
          ["till", "b"],
        ],
      }),
      { caller: nodes },
    ),
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
        Resource ?? "",
      ]),
    );
    expect(principals.filter((one) => one.includes("*"))).toEqual([]);
  });
});

describe("what is given", () => {
  test.for([
    "http://issuer.example",
    "issuer.example",
    "https://issuer.example:6443",
    "https://issuer.example:443/x",
    "https://user:pw@issuer.example",
    "https://issuer.example?a=b",
    "https://issuer.example#a",
    "https://issuer.example/a*b",
    "https://issuer.example/../x",
    'https://issuer.example/"',
    "https://issuer.example/a b",
    "https://issuer.example/a\n",
    "https://",
    "",
  ])("as an issuer is refused where IAM could not have it: %j", (raw) => {
    expect(() => parseIssuer(raw, "test")).toThrow(expect.objectContaining({ code: "ISSUER_INVALID" }));
  });

  test.for([
    ["https://issuer.example", "issuer.example"],
    ["https://s3.eu-west-1.amazonaws.com/my-bucket", "s3.eu-west-1.amazonaws.com/my-bucket"],
    ["https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF", "oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF"],
  ] as const)("as an issuer keeps host and path as they are: %s", ([raw, hostPath]) => {
    expect(parseIssuer(raw, "test").hostPath).toBe(hostPath);
  });

  test.for([
    ["*", "anybody"],
    [`${ACCOUNT}role/*`, "anybody"],
    ["arn:aws:sts::111122223333:assumed-role/nodes/i-0abc", "arn:aws:iam::111122223333:role/nodes"],
    [`${ACCOUNT}instance-profile/nodes`, "get-instance-profile"],
    ["AIDAEXAMPLE", ":user/NAME"],
    ["", ":user/NAME"],
  ] as const)("as a principal is refused with what is meant: %j", ([raw, remedy]) => {
    expect(() => parsePrincipal(raw)).toThrow(
      expect.objectContaining({ code: "PRINCIPAL_INVALID", remedy: expect.stringContaining(remedy) }),
    );
  });

  test.for([
    ["Shop", "a"],
    ["shop", "a:b"],
    ["shop", ""],
    ["sh?p", "a"],
    ["shop", "a b"],
    ["shop.x", "a"],
  ] as const)(
    "as a namespace and service account is refused where they could not be called so: %j",
    ([namespace, name]) => {
      expect(() => parseSubject(namespace, name)).toThrow(
        expect.objectContaining({ code: "SUBJECT_INVALID" }),
      );
    },
  );
});
