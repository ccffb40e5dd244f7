import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";
import { policyText, statement } from "./against/judge-rig.ts";
import { ISSUER, ROLE } from "./documents-rig.ts";

/** What a file's author could write lines of their own with, colour them, or turn them round. */
const STEERING = "x\nlets in\u001B[2K\u009B1m\u2028y\u202E";
const role = (policy: string): string =>
  JSON.stringify({ Role: { Arn: ROLE, AssumeRolePolicyDocument: JSON.parse(policy) as unknown } });

/** All in ASCII: YAML takes the other characters only so. */
const pod = (name: string, more: object = {}): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", annotations: { "iam.amazonaws.com/role": ROLE } },
    spec: { serviceAccountName: "billing", containers: [{ name: "app" }], ...more },
  }).replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

const trust = (args: readonly string[], input: string): Promise<Run> =>
  podrole(["trust-policy", "--oidc-issuer", `https://${ISSUER}`, ...args], input);

/** Lines as a terminal shows them, if nothing in them steers it. */
function lines({ stdout, stderr }: Run): readonly string[] {
  const text = stdout + stderr;
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  return text.split("\n");
}

test("podrole trust-policy --against writes Sids and keys of a policy on their own lines, and exactly as JSON", async () => {
  const condition = { stringEquals: { [STEERING]: "x" } };
  const policy = role(policyText(statement({ Sid: STEERING, Condition: condition })));
  const args = ["-n", "shop", "--service-account", "billing", "--against", "-"];
  const run = await trust(args, policy);
  expect(lines(run).filter((one) => /Statement\[0\] x lets in/.test(one))).toHaveLength(1);
  expect(lines(run).filter((one) => /OPERATOR {2}Condition\.stringEquals\.x lets in/.test(one))).toHaveLength(
    1,
  );
  const json = await trust([...args, "-o", "json"], policy);
  expect(JSON.parse(json.stdout)).toMatchObject([{ actions: [{ why: [{ sid: STEERING }] }] }]);
});

test.for([
  ["an element", statement({ [STEERING]: "x" })],
  ["an operator", statement({ Condition: { [STEERING]: {} } })],
  ["a Sid", statement({ Sid: STEERING }), statement({ Sid: STEERING })],
] as const)("podrole trust-policy --against refuses %s on one line, whatever it holds", async ([, ...of]) => {
  const run = await trust(
    ["-n", "shop", "--service-account", "billing", "--role", ROLE, "--against", "-"],
    policyText(...of),
  );
  expect([run.code, lines(run).length, run.stderr]).toEqual([
    2,
    2,
    expect.stringMatching(/^POLICY_INVALID: /),
  ]);
});

test.for([
  ["prints", () => []],
  ["writes", () => ["--dir", join(mkdtempSync(join(tmpdir(), "podrole-plain-")), "new")]],
  ["checks", () => ["--against", tempFile(role(policyText(statement())))]],
] as const)("podrole trust-policy %s policies and names a denied pod on one line", async ([, args]) => {
  const denied = pod(STEERING, { hostPID: true });
  const run = await trust(["-f", "-", ...args()], `${pod("good")}\n---\n${denied}`);
  expect(run.code).toBe(1);
  expect(lines(run).filter((one) => one.startsWith("POD_DENIED: Pod shop/x lets in"))).toHaveLength(1);
  const alone = await trust(["-f", "-", ...args()], denied);
  expect(lines(alone).filter((one) => one !== "")).toEqual([
    expect.stringMatching(/^POD_DENIED: Pod shop\/x/),
  ]);
});
