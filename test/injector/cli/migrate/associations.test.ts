import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  ACCOUNT,
  ISSUED,
  migrate,
  newFolder,
  NODES,
  object,
  report,
  roles,
  specsOf,
  textFile,
  verdicts,
  workload,
  type Json,
  type ReportJson,
} from "./rig.ts";

const STATEMENT = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::shop/*" };
const POLICY = JSON.stringify({ Version: "2012-10-17", Statement: [STATEMENT] });
const association = (fields: Json): string =>
  textFile(
    JSON.stringify({
      association: {
        clusterName: "c",
        namespace: "shop",
        serviceAccount: "web",
        roleArn: `${ACCOUNT}web`,
        associationArn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/c/a-1",
        associationId: "a-1",
        tags: {},
        createdAt: 1_700_000_000,
        modifiedAt: 1_700_000_000,
        ...fields,
      },
    }),
  );
const deployment = (name: string, annotations: Json = {}): Json =>
  workload("Deployment", { name }, undefined, { serviceAccountName: "web" }, { annotations });
const ACCOUNT_WEB = object("ServiceAccount", { name: "web" });
const run = (fields: Json, objects: readonly Json[], ...args: readonly string[]): Promise<ReportJson> =>
  report("irsa", [ACCOUNT_WEB, ...objects], "--associations", association(fields), ...args);
const messagesOf = ({ notes }: ReportJson, code: string): readonly string[] =>
  notes.filter((one) => one.code === code).map(({ message }) => message);

describe("an association's session policy", () => {
  test.for([
    ["no", {}],
    ["another", { "podrole.dev/session-policy": JSON.stringify({ Version: "2012-10-17", Statement: [] }) }],
    ["an unreadable", { "podrole.dev/session-policy": "{" }],
  ] as const)(
    "keeps podrole from giving the role to pods with %s session policy",
    async ([, annotations]) => {
      const dir = newFolder();
      const given = [...ISSUED, "--roles", roles(["web", [NODES]]), "--dir", dir];
      const found = await run({ policy: POLICY }, [deployment("web", annotations)], ...given);
      const [one] = found.namespaces.flatMap(({ workloads }) => workloads);
      expect(["stays", "refused"]).toContain(one?.verdict);
      expect(one?.now).toMatchObject({ kind: "kept", arn: `${ACCOUNT}web` });
      expect(one?.notes).toContain("SESSION_POLICY");
      expect(messagesOf(found, "SESSION_POLICY")).toEqual([
        expect.stringMatching(/shop\/web limits \S+\/web by a session policy, and the pod template does not/),
      ]);
      expect([found.grants, found.policies]).toEqual([[], []]);
      // Pod Identity goes on serving it: no label keeps that from it.
      expect(readFileSync(`${dir}/namespaces/shop/move.sh`, "utf8")).not.toMatch(
        /kubectl .*(?:patch|restart)/,
      );
    },
  );

  test("is carried over by the annotation of the pod template, however that is written", async () => {
    const annotations = { "podrole.dev/session-policy": JSON.stringify(JSON.parse(POLICY), null, 1) };
    const given = [...ISSUED, "--roles", roles(["web", [NODES]])];
    const found = await run({ policy: POLICY }, [deployment("web", annotations)], ...given);
    expect(verdicts(found)).toEqual(["Deployment shop/web: same web"]);
    expect(specsOf(found)).toEqual([
      {
        namespaces: ["shop"],
        serviceAccounts: ["web"],
        roles: [`${ACCOUNT}web`],
        default: `${ACCOUNT}web`,
      },
    ]);
    expect(found.policies.map(({ state }) => state)).toEqual(["set"]);
    expect(messagesOf(found, "SESSION_POLICY")).toEqual([
      expect.stringContaining("Whoever can change the pod can take this off"),
    ]);
    // The grant's default is the service account's, so the other pod would have the whole role.
    const both = await run({ policy: POLICY }, [deployment("web", annotations), deployment("b")], ...given);
    expect(verdicts(both)).toEqual(["Deployment shop/b: differs web", "Deployment shop/web: same web"]);
  });

  test("is no reason to take the role over by the service account's annotation", async () => {
    const named = object(
      "ServiceAccount",
      { name: "web" },
      { metadata: { annotations: { "eks.amazonaws.com/role-arn": `${ACCOUNT}web` } } },
    );
    const given = ["--associations", association({ policy: POLICY }), ...ISSUED];
    const found = await report(
      "irsa",
      [named, deployment("web")],
      ...given,
      "--roles",
      roles(["web", [NODES]]),
    );
    expect(verdicts(found)).toEqual(["Deployment shop/web: differs web"]);
    expect([found.grants, found.policies]).toEqual([[], []]);
    expect(messagesOf(found, "TRUST_WITHHELD")).toEqual([expect.stringContaining("by a session policy")]);
  });

  test.for(["policy", "targetRoleArn", "roleArn"])("that cannot be read is refused: %s", async (field) => {
    const args = ["--associations", association({ [field]: { Statement: [] } })];
    expect(await migrate("irsa", [deployment("web")], ...args)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^ASSOCIATIONS_INVALID: .*a ${field} that is no text`)),
    });
  });
});

describe("the other fields of an association are named, where podrole does without them", () => {
  const carried = async (fields: Json): Promise<string> => {
    const found = await run(fields, [deployment("web")]);
    expect(messagesOf(found, "SESSION_POLICY")).toEqual([]);
    return messagesOf(found, "FLAG_NOT_CARRIED").join("\n");
  };

  test("such as the target role and its external id", async () => {
    const far = "arn:aws:iam::444455556666:role/far";
    const said = await carried({ targetRoleArn: far, externalId: "eu-west-1/c/shop/web" });
    expect(said).toContain(`from ${ACCOUNT}web to ${far}, with the external id "eu-west-1/c/shop/web"`);
  });

  test("such as the session tags", async () => {
    expect(await carried({})).toContain("EKS sets six session tags for shop/web.");
    expect(await carried({ disableSessionTags: true })).toContain("EKS sets no session tags for shop/web");
  });

  test("and such as a field that is not known", async () => {
    const said = await carried({ disableSessionTags: true, boundary: "x" });
    expect(said).toContain('The association of shop/web has ["boundary"], which podrole does not know');
  });
});
