import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  ACCOUNT,
  codesOf,
  ISSUED,
  kube2iamTool,
  migrate,
  namespace,
  newFolder,
  NODES,
  object,
  report,
  roles,
  textFile,
  tool,
  verdicts,
  workload,
  type Json,
  type ReportJson,
} from "./rig.ts";

const irsaAccount = (place: string, name: string, role: string): Json =>
  object(
    "ServiceAccount",
    { name, namespace: place },
    { metadata: { annotations: { "eks.amazonaws.com/role-arn": ACCOUNT + role } } },
  );
const podOf = (place: string, serviceAccountName: string, role?: string, spec: Json = {}): Json =>
  workload("Pod", { name: serviceAccountName, namespace: place }, role, { serviceAccountName, ...spec });
/** A tenant who names a role of another team. */
const EVIL = [irsaAccount("evil", "evil", "payments"), podOf("evil", "evil")];
const PAY = object("ServiceAccount", { name: "pay", namespace: "payments" });
const PROVIDER = "arn:aws:iam::111122223333:oidc-provider/oidc.example/cluster";
const trusting = (...subs: readonly string[]): Json => ({
  Effect: "Allow",
  Principal: { Federated: PROVIDER },
  Action: "sts:AssumeRoleWithWebIdentity",
  Condition: {
    StringEquals: {
      "oidc.example/cluster:aud": "sts.amazonaws.com",
      "oidc.example/cluster:sub": subs.map((one) => `system:serviceaccount:${one}`),
    },
  },
});
const SERVER = `${ACCOUNT}kiam-server`;
const KIAM_SERVER: Json = { Effect: "Allow", Principal: { AWS: SERVER }, Action: ["sts:AssumeRole"] };
const POD_IDENTITY: Json = {
  Effect: "Allow",
  Principal: { Service: "pods.eks.amazonaws.com" },
  Action: ["sts:AssumeRole", "sts:TagSession"],
};
const association = (place: string, serviceAccount: string, role: string): string =>
  JSON.stringify({ association: { namespace: place, serviceAccount, roleArn: ACCOUNT + role } });
const kiam = (...args: readonly string[]): readonly Json[] => [
  tool("quay.io/uswitch/kiam:v4.2", "server", `--role-base-arn=${ACCOUNT}`, ...args),
  object("DaemonSet", { name: "agent", namespace: "kube-system" }, tool("kiam", "agent")),
];
const permitting = (name: string, expression: string): Json =>
  namespace(name, { "iam.amazonaws.com/permitted": expression });
/** The command of the guide from kiam. */
const BROKER = `--source broker --principal ${SERVER} --broker-identity node --session-tags false`.split(" ");

const messagesOf = ({ notes }: ReportJson, code: string): readonly string[] =>
  notes.filter((one) => one.code === code).map(({ message }) => message);
const grantees = ({ grants }: ReportJson): readonly unknown[] =>
  grants.map(({ spec }) => [spec["namespaces"], spec["serviceAccounts"], spec["roles"]]);
/** Every file of the folder as one text. */
const written = (dir: string): string =>
  readdirSync(dir, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
const ONLY_PAY = [[["payments"], ["pay"], [`${ACCOUNT}payments`]]];

describe("podrole migrate gives a role only to the service accounts that have it now", () => {
  test.for([
    ["an association", "irsa", [], POD_IDENTITY, ["--associations"], undefined],
    ["kube2iam", "kube2iam", [kube2iamTool()], NODES, [], "payments"],
    ["kiam", "kiam", [...kiam(), permitting("payments", ".*")], KIAM_SERVER, [], "payments"],
  ] as const)(
    "and not to one that names a role which another has by %s",
    async ([, from, around, statement, more, role]) => {
      const dir = newFolder();
      const file = textFile(association("payments", "pay", "payments"));
      const found = await report(
        from,
        [...around, PAY, podOf("payments", "pay", role), ...EVIL],
        ...ISSUED,
        ...more.flatMap((one) => [one, file]),
        "--roles",
        roles(["payments", [statement]]),
        "--dir",
        dir,
      );
      expect(found.policies.map(({ of, state }) => [of, state])).toEqual([[`${ACCOUNT}payments`, "set"]]);
      expect(grantees(found)).toEqual(ONLY_PAY);
      expect(written(dir)).toContain("system:serviceaccount:payments:pay");
      expect(written(dir)).not.toContain("system:serviceaccount:evil");
      expect(verdicts(found)).toContain(
        from === "kiam" ? "Pod evil/evil: refused ROLE_NOT_ALLOWED" : "Pod evil/evil: differs payments",
      );
      const now = found.namespaces.find(({ name }) => name === "evil")?.workloads[0]?.now;
      expect(now).toMatchObject({ kind: "refused", arn: `${ACCOUNT}payments` });
      expect(messagesOf(found, "TRUST_WITHHELD")).toEqual([
        expect.stringMatching(
          /^Pods of service account evil\/evil ask for \S+\/payments, and the role's trust/,
        ),
      ]);
    },
  );

  test("nor by a policy of podrole's statements alone, where nobody has said what the roles trust", async () => {
    const dir = newFolder();
    const file = textFile(association("payments", "pay", "payments"));
    const objects = [PAY, podOf("payments", "pay"), ...EVIL];
    const found = await report("irsa", objects, ...ISSUED, "--associations", file, "--dir", dir);
    expect(found.policies.map(({ state }) => state)).toEqual(["add"]);
    expect(written(dir)).not.toContain("system:serviceaccount:evil");
    expect(messagesOf(found, "TRUST_UNKNOWN")).toEqual([
      expect.stringContaining("service accounts evil/evil their roles is not known: --roles does not say"),
    ]);
  });

  test("and not to a pod that names one in an annotation which nothing reads now", async () => {
    const dir = newFolder();
    const found = await report(
      "irsa",
      [workload("Pod", { name: "lone", namespace: "evil" }, `${ACCOUNT}admin`)],
      ...ISSUED,
      "--roles",
      roles(["admin", [NODES]]),
      "--dir",
      dir,
    );
    expect(verdicts(found)).toEqual(["Pod evil/lone: differs admin"]);
    expect([found.policies, found.grants]).toEqual([[], []]);
    expect(readdirSync(dir)).not.toContain("set-trust.sh");
    expect(messagesOf(found, "TRUST_WITHHELD")).toEqual([
      expect.stringContaining(`evil/default ask for ${ACCOUNT}admin, and these do not have it now`),
    ]);
    const open = roles(["admin", [trusting("evil:default")]]);
    const there = await report(
      "irsa",
      [podOf("evil", "default", `${ACCOUNT}admin`)],
      ...ISSUED,
      "--roles",
      open,
    );
    expect(codesOf(there)).not.toContain("TRUST_WITHHELD");
  });

  test("leaves policies alone that let IRSA's call in, and names no role that is let in by them", async () => {
    const objects = [irsaAccount("shop", "web", "web"), podOf("shop", "web")];
    const found = await report("irsa", objects, ...ISSUED, "--roles", roles(["web", [trusting("shop:web")]]));
    expect(verdicts(found)).toEqual(["Pod shop/web: same web"]);
    expect(found.policies.map(({ state }) => state)).toEqual(["there"]);
    expect(found.grants).toHaveLength(1);
    expect(codesOf(found)).not.toContain("TRUST_WITHHELD");
  });

  test("asks the policy with the audience that IRSA's webhook gives the token", async () => {
    const account = irsaAccount("shop", "web", "web");
    const other = {
      ...(account["metadata"] as { readonly annotations: Json }).annotations,
      "eks.amazonaws.com/audience": "acme",
    };
    const objects = [
      { ...account, metadata: { name: "web", namespace: "shop", annotations: other } },
      podOf("shop", "web"),
    ];
    const found = await report("irsa", objects, ...ISSUED, "--roles", roles(["web", [trusting("shop:web")]]));
    expect(verdicts(found)).toEqual(["Pod shop/web: differs web"]);
    expect(found.grants).toEqual([]);
  });

  test("where IAM alone knows, leaves the decision to IAM, and says so", async () => {
    const objects = [irsaAccount("shop", "web", "web"), podOf("shop", "web")];
    const condition = { Condition: { StringEquals: { "aws:SourceVpc": "vpc-1" } } };
    const unsure = roles(["web", [{ ...trusting(), ...condition }]]);
    for (const [given, code] of [
      [["--roles", unsure, ...ISSUED], "TRUST_UNKNOWN"],
      [["--roles", roles(["other", [NODES]]), ...ISSUED], "ROLE_UNKNOWN"],
      [["--roles", roles(["web", [NODES]])], "TRUST_UNKNOWN"],
      [ISSUED, "TRUST_UNKNOWN"],
    ] as const) {
      const found = await report("irsa", objects, ...given);
      expect(verdicts(found)).toEqual(["Pod shop/web: same web"]);
      expect(found.policies).toEqual([]);
      expect(messagesOf(found, code)).toHaveLength(1);
    }
  });
});

describe("podrole migrate --source broker, whose RoleGrants are the only wall", () => {
  const kiamAnd = (...objects: readonly Json[]): readonly Json[] => [...kiam(), ...objects];

  test.for([
    ["the role does not trust it", ISSUED, ["payments"]],
    ["the issuer is not known", [], ["payments"]],
    ["nobody has said what roles trust", ISSUED, []],
    ["the role is in no file", ISSUED, ["other"]],
  ] as const)(
    "writes no grant for a service account's annotation that kiam ignores, if %s",
    async ([, issuer, listed]) => {
      const objects = kiamAnd(
        permitting("payments", ".*"),
        permitting("evil", "nothing"),
        PAY,
        podOf("payments", "pay", "payments"),
        ...EVIL,
      );
      const given = [
        ...BROKER,
        ...issuer,
        ...listed.flatMap((one) => ["--roles", roles([one, [KIAM_SERVER]])]),
      ];
      const found = await report("kiam", objects, ...given);
      expect(grantees(found)).toEqual(ONLY_PAY);
      expect(verdicts(found)).toContain("Pod evil/evil: refused ROLE_NOT_ALLOWED");
      expect(messagesOf(found, "TRUST_WITHHELD")).toEqual([
        expect.stringMatching(/evil\/evil ask for \S+\/payments, and /),
      ]);
      expect((await migrate("kiam", objects, ...given)).code).toBe(1);
    },
  );

  test("writes one where the role lets IRSA's call in, and then the role is to trust the broker", async () => {
    const objects = [irsaAccount("shop", "web", "web"), podOf("shop", "web")];
    const given = [...BROKER, ...ISSUED, "--roles"];
    const found = await report("irsa", objects, ...given, roles(["web", [trusting("shop:web")]]));
    expect(verdicts(found)).toEqual(["Pod shop/web: same web"]);
    expect(found.policies.map(({ of, state }) => [of, state])).toContainEqual([`${ACCOUNT}web`, "set"]);
    const refused = await report("irsa", objects, ...given, roles(["web", [NODES]]));
    expect(verdicts(refused)).toEqual(["Pod shop/web: refused ROLE_NOT_ALLOWED"]);
    expect([refused.grants, refused.policies]).toEqual([[], []]);
  });

  test("says of what it knows nothing that it may be there, and writes neither for a hub role", async () => {
    const objects = [irsaAccount("shop", "web", "web"), podOf("shop", "web")];
    const unknown = await report("irsa", objects, ...BROKER);
    expect(unknown.namespaces[0]?.workloads[0]?.now).toMatchObject({
      kind: "kept",
      arn: `${ACCOUNT}web`,
      by: "IRSA",
    });
    const annotations = { "iam.amazonaws.com/external-id": "partner-1" };
    const external = workload(
      "Pod",
      { name: "web" },
      undefined,
      { serviceAccountName: "web" },
      { annotations },
    );
    const hub = ["--hub-role", `${ACCOUNT}hub`, ...ISSUED];
    const viaHub = await report("irsa", [irsaAccount("shop", "web", "web"), external], ...hub);
    expect(verdicts(viaHub)).toEqual(["Pod shop/web: differs web"]);
    expect([viaHub.grants, viaHub.policies]).toEqual([[], []]);
    expect(codesOf(viaHub)).toContain("TRUST_WITHHELD");
  });

  test("takes the role for had where another RoleGrant allows it, but does not call it the same", async () => {
    const grant = object(
      "RoleGrant",
      { name: "evil" },
      { spec: { namespaces: ["evil"], roles: [`${ACCOUNT}payments`] } },
    );
    const found = await report("kiam", kiamAnd(permitting("evil", "nothing"), grant, ...EVIL), ...BROKER);
    expect(verdicts(found)).toContain("Pod evil/evil: differs payments");
    expect([found.grants, found.policies]).toEqual([[], []]);
  });
});

describe("podrole migrate and a role of another partition", () => {
  const CHINA = "arn:aws-cn:iam::111122223333:role/payments";
  const objects = [kube2iamTool(), podOf("shop", "default", "payments"), podOf("evil", "evil", CHINA)];

  test.for([
    [["--oidc-provider", PROVIDER]],
    [["--source", "broker", "--principal", SERVER, "--broker-identity", "node"]],
  ])("writes the other policies with %j, and names pod and role", async ([args = []]) => {
    const dir = newFolder();
    const found = await report("kube2iam", objects, ...args, "--dir", dir);
    expect(found.policies.map(({ of }) => of)).toContain(`${ACCOUNT}payments`);
    expect(found.policies.map(({ of }) => of)).not.toContain(CHINA);
    expect(messagesOf(found, "TRUST_PARTITION")).toEqual([
      expect.stringContaining(`Pod evil/evil has ${CHINA}, which is in another partition`),
    ]);
  });
});
