import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { policyText, statement } from "./against/judge-rig.ts";

const ROLE = "arn:aws:iam::111122223333:role/team/billing-reader";
const BROKER = "arn:aws:iam::111122223333:role/podrole-broker";
const ISSUER = ["--oidc-issuer", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"];
const PRINCIPAL = ["--principal", BROKER];

/** A namespace with its source, and in it a pod `web` that asks for the role. */
const namespace = (name: string, source: string, role = ROLE): string =>
  [
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {podrole.dev/inject: enabled}, annotations: {podrole.dev/source: ${source}, iam.amazonaws.com/allowed-roles: '["*"]'}}\n`,
    `apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: ${name}, annotations: {iam.amazonaws.com/role: "${role}"}}\nspec: {serviceAccountName: web, securityContext: {runAsUser: 1000}, containers: [{name: app}]}\n`,
  ].join("---\n");

const FLAGS = ["--source", "web-identity", "--source-override", "broker,node", "--guard", "block"];
const trust = (args: readonly string[], ...namespaces: readonly string[]): Promise<Run> =>
  podrole(["trust-policy", "-f", "-", ...FLAGS, ...args], namespaces.join("---\n"));

interface Written {
  readonly Statement: readonly { readonly Sid: string; readonly Principal: object }[];
}
const parsed = (text: string): Readonly<Record<string, Written>> =>
  JSON.parse(text) as Record<string, Written>;

describe("podrole trust-policy for namespaces with different sources", () => {
  test.for([
    ["web-identity first", "a", "b"],
    ["broker first", "b", "a"],
  ] as const)("gives each role what its source needs, whatever their order (%s)", async ([, web, broker]) => {
    const [ofWeb, ofBroker] = [`${ROLE}-${web}`, `${ROLE}-${broker}`];
    const { code, stdout, stderr } = await trust(
      [...ISSUER, ...PRINCIPAL],
      namespace("old", "web-identity", ofWeb),
      namespace("new", "broker", ofBroker),
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining(`trust policy of ${ofWeb}`)]);
    const written = parsed(stdout);
    expect(Object.keys(written).toSorted((one, other) => (one < other ? -1 : 1))).toEqual([
      "broker-permissions",
      "broker-trust",
      `trust ${ROLE}-a`,
      `trust ${ROLE}-b`,
    ]);
    expect(written[`trust ${ofWeb}`]?.Statement).toMatchObject([
      { Principal: { Federated: expect.any(String) } },
    ]);
    expect(written[`trust ${ofBroker}`]?.Statement.map(({ Principal }) => Principal)).toEqual([
      { AWS: BROKER },
      { AWS: BROKER },
    ]);
  });

  test("gives a role that both need both statements in one policy, each for its own namespace alone", async () => {
    const { code, stdout } = await trust(
      [...ISSUER, ...PRINCIPAL, "--document", "trust"],
      namespace("new", "broker"),
      namespace("old", "web-identity"),
    );
    expect(code).toBe(0);
    const { Statement: statements } = JSON.parse(stdout) as Written;
    expect(statements.map(({ Sid }) => Sid).toSorted((one, other) => (one < other ? -1 : 1))).toEqual([
      "AssumeRole",
      "PodsOfServiceAccount",
      "SetSourceIdentity",
    ]);
    expect(JSON.stringify(statements.filter(({ Sid }) => Sid === "PodsOfServiceAccount"))).not.toContain(
      "new",
    );
    expect(JSON.stringify(statements.filter(({ Sid }) => Sid === "AssumeRole"))).not.toContain("old");
  });

  test("asks for the party that is missing, and takes the issuer though the broker uses none", async () => {
    const both = [namespace("old", "web-identity"), namespace("new", "broker", `${ROLE}-2`)];
    expect(await trust(ISSUER, ...both)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^PRINCIPAL_MISSING: /),
    });
    expect(await trust(PRINCIPAL, ...both)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^PROVIDER_MISSING: /),
    });
    const node = [...ISSUER, ...PRINCIPAL, "--broker-identity", "node"];
    expect(await trust(node, ...both)).toMatchObject({ code: 0 });
    expect(await trust([...node, "--broker-audience", "aws"], ...both)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^USAGE: --broker-audience is for /),
    });
  });

  test("refuses two sources that would share one --principal", async () => {
    const both = [namespace("new", "broker"), namespace("old", "node", `${ROLE}-2`)];
    const run = await trust(PRINCIPAL, ...both);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/^USAGE: Sources (broker and node|node and broker) start as different roles/);
    expect((await trust([], ...both)).stderr).toMatch(/^PRINCIPAL_MISSING: /);
    expect(await trust([...PRINCIPAL, "--role", ROLE, "--document", "trust"], ...both)).toMatchObject({
      code: 0,
    });
  });

  test("checks a role's policy for the pods of each source", async () => {
    const policy = policyText(statement()).replace("shop:billing", "shop:web");
    const role = { Arn: ROLE, AssumeRolePolicyDocument: JSON.parse(policy) as unknown };
    const against = [...ISSUER, ...PRINCIPAL, "--against", tempFile(JSON.stringify({ Role: role }))];
    const apart = [namespace("shop", "web-identity"), namespace("new", "broker", `${ROLE}-2`)];
    expect(await trust(against, ...apart)).toMatchObject({ code: 0, stderr: "" });
    const shared = [namespace("shop", "web-identity"), namespace("new", "broker")];
    const { code, stdout } = await trust([...against, "-o", "json"], ...shared);
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      [
        { for: "new/web", answer: "refuses" },
        { for: "shop/web", answer: "lets-in" },
      ],
    ]);
  });
});
