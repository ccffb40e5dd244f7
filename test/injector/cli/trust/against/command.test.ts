import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../../support/cli.ts";
import { tempFile } from "../../../../support/temp-files.ts";
import { HUB, ISSUER, ROLE } from "../documents-rig.ts";
import { policyText, statement } from "./judge-rig.ts";

const trust = (args: readonly string[], input = ""): Promise<Run> =>
  podrole(["trust-policy", ...args], input);
const POD = ["-n", "shop", "--service-account", "billing", "--oidc-issuer", `https://${ISSUER}`];
const POLICY = policyText(statement());
const role = (text: string, arn: string = ROLE): string =>
  JSON.stringify({ Role: { Arn: arn, AssumeRolePolicyDocument: JSON.parse(text) as unknown } });

describe("podrole trust-policy --against", () => {
  test("takes the role from what get-role prints, says which statement lets the pods in, and exits with 0", async () => {
    const run = await trust([...POD, "--against", "-"], role(POLICY));
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain("ok    sts:AssumeRoleWithWebIdentity, by Statement[0]");
  });

  test("says why no statement does, shows what the token has, and exits with 1", async () => {
    const { code, stdout } = await trust(
      [...POD, "--against", "-"],
      role(POLICY.replace("shop:billing", "shop:x")),
    );
    expect([code, stdout]).toEqual([1, expect.stringMatching(/does not let in[^]*SUBJECT/)]);
    expect(stdout).toContain(`issuer    https://${ISSUER}`);
    expect(stdout).toContain("subject   system:serviceaccount:shop:billing");
  });

  test("checks every service account, and exits with 1 where one is not let in", async () => {
    const { code, stdout } = await trust([
      ...POD.toSpliced(4, 0, "other"),
      "--against",
      tempFile(role(POLICY)),
      "-o",
      "json",
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { for: "shop/billing", answer: "lets-in" },
      { for: "shop/other", answer: "refuses" },
    ]);
  });

  test("prints answer, statements and reasons as JSON", async () => {
    const { code, stdout } = await trust(
      [...POD, "--against", "-", "-o", "json"],
      role(policyText(statement({ Sid: "Pods", Action: "sts:AssumeRole" }))),
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      {
        document: "trust",
        role: ROLE,
        for: "shop/billing",
        answer: "refuses",
        presented: {
          provider: expect.any(String),
          issuer: `https://${ISSUER}`,
          audience: "sts.amazonaws.com",
          subject: "system:serviceaccount:shop:billing",
        },
        actions: [
          {
            action: "sts:AssumeRoleWithWebIdentity",
            required: true,
            answer: "refuses",
            why: [
              {
                statement: 0,
                sid: "Pods",
                reasons: [{ code: "ACTION", at: "Action", text: expect.any(String), certain: true }],
              },
            ],
          },
        ],
        warnings: [],
      },
    ]);
  });

  test("warns of a statement that lets in others too", async () => {
    const { code, stdout } = await trust(
      [...POD, "--against", "-"],
      role(policyText(statement({ Condition: undefined }))),
    );
    expect([code, stdout]).toEqual([0, expect.stringContaining("TRUST_WIDE")]);
  });

  test("warns of a session that is longer than the role allows", async () => {
    const output = JSON.parse(role(POLICY)) as { Role: object };
    const input = JSON.stringify({ Role: { ...output.Role, MaxSessionDuration: 3600 } });
    const { code, stdout } = await trust([...POD, "--session-duration", "2h", "--against", "-"], input);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/SESSION_TOO_LONG[^]*7200 seconds, and the role allows 3600/),
    ]);
    expect((await trust([...POD, "--against", "-"], input)).stdout).not.toContain("SESSION_TOO_LONG");
  });

  test("takes the pods of manifests, and finds the hub's policy by its role", async () => {
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, annotations: {iam.amazonaws.com/role: "${ROLE}", podrole.dev/session-tags: '{"team":"x"}'}}\nspec: {serviceAccountName: billing, containers: [{name: app}]}\n`;
    const args = ["-f", "-", "--oidc-issuer", `https://${ISSUER}`, "--hub-role", HUB];
    const { code, stdout } = await trust(
      [...args, "--against", tempFile(role(POLICY, HUB)), "-o", "json"],
      pod,
    );
    expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ document: "hub-trust", role: HUB }]]);
    expect(await trust([...args, "--against", tempFile(role(POLICY)), "-o", "json"], pod)).toMatchObject({
      code: 1,
    });
  });

  test("asks for no OIDC issuer to check a role that trusts the broker, and for one to check the broker's own", async () => {
    const broker = ["--source", "broker", "--principal", `${HUB}-broker`, "--role", ROLE, ...POD.slice(0, 4)];
    const text = policyText({ Effect: "Allow", Principal: { AWS: `${HUB}-broker` }, Action: "sts:*" });
    expect(await trust([...broker, "--against", "-"], text)).toMatchObject({ code: 0 });
    const own = [...broker, "--document", "broker-trust", "--oidc-issuer", `https://${ISSUER}`];
    const refused = {
      code: 1,
      stdout: expect.stringContaining("subject   system:serviceaccount:podrole-system:podrole-broker"),
    };
    expect(await trust([...own, "--against", "-"], POLICY)).toMatchObject(refused);
    const byRole = [...broker, "--oidc-issuer", `https://${ISSUER}`, "--against", "-"];
    expect(await trust(byRole, role(POLICY, `${HUB}-broker`))).toMatchObject(refused);
  });

  test.for([
    ["a file that is no policy", [...POD, "--role", ROLE, "--against", "-"], "{}", "POLICY_INVALID"],
    [
      "a file that is not there",
      [...POD, "--role", ROLE, "--against", "/nowhere.json"],
      "",
      "FILE_UNREADABLE",
    ],
    ["two times standard input", ["-f", "-", "--against", "-"], "", "USAGE"],
    ["a folder to write to", [...POD, "--against", "-", "--dir", "x"], "", "USAGE"],
    ["permissions", [...POD, "--against", "-", "--document", "hub-permissions"], "", "USAGE"],
    ["a service account with a wildcard", [...POD.with(3, "b*"), "--against", "-"], role(POLICY), "USAGE"],
    [
      "a policy of a role that is not asked for",
      [...POD, "--role", ROLE, "--against", "-"],
      role(POLICY, HUB),
      "USAGE",
    ],
    ["a policy that does not say whose it is", [...POD, "--against", "-"], POLICY, "USAGE"],
  ] as const)("exits with 2 for %s", async ([, args, input, code]) => {
    const run = await trust(args, input);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`^${code}: [^\n]+\n$`));
  });
});
