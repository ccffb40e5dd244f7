import { describe, expect, test } from "vitest";
import { podrole, type Run } from "../../../support/cli.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

const pod = (namespace: string, serviceAccountName: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace, annotations: { "iam.amazonaws.com/role": ROLE } },
    spec: { serviceAccountName, containers: [{ name: "app" }] },
  });

const trust = (pods: readonly string[], ...more: readonly string[]): Promise<Run> =>
  podrole(
    ["trust-policy", "-f", "-", "--oidc-issuer", "https://oidc.example/cluster", ...more],
    pods.join("\n---\n"),
  );

describe("podrole trust-policy trusts no names that Kubernetes cannot have", () => {
  test.for([
    ["*", "*"],
    ["*", "web"],
    ["shop", "*"],
    ["shop", "we?"],
    ["shop", "${aws:PrincipalTag/a}"],
    ["${*}", "web"],
    ["shop:web", "x"],
    ["Shop", "web"],
    ["shop\n", "web"],
    ["shop.x", "web"],
    ["s".repeat(64), "web"],
    ["shop", "a..b"],
    ["shop", "-web"],
    ["shop", "w".repeat(254)],
  ] as const)("of a file: %j and %j", async ([namespace, account]) => {
    const alone = await trust([pod(namespace, account)]);
    expect(alone).toMatchObject({ code: 1, stdout: "" });
    expect(alone.stderr).toMatch(/^POD_DENIED: .+ \[SUBJECT_INVALID\] .+ Correct the manifest\.\n$/);
    const { code, stdout, stderr } = await trust([pod("shop", "good.name"), pod(namespace, account)]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("[SUBJECT_INVALID]")]);
    expect(JSON.parse(stdout).Statement).toMatchObject([
      { Condition: { StringEquals: { "oidc.example/cluster:sub": "system:serviceaccount:shop:good.name" } } },
    ]);
  });

  test.for(["*", "${x}"])("of -n, for objects that name no namespace: %j", async (namespace) => {
    expect(await trust([pod("", "web")], "-n", namespace)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("[SUBJECT_INVALID]"),
    });
  });
});
