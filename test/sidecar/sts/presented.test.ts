import { describe, expect, test } from "vitest";
import { oneLine } from "../../../sidecar/kit/errors.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { CallError } from "../../../sidecar/sts/call-error.ts";
import { presentedBy } from "../../../sidecar/sts/presented.ts";
import { stsFailure } from "../../../sidecar/sts/refusals.ts";
import { ROLE } from "../../support/credentials.ts";
import { podrole } from "../../support/cli.ts";
import { podToken } from "../../support/pod-token.ts";

const CLAIMS = {
  iss: "https://oidc.example/cluster",
  aud: ["sts.amazonaws.com"],
  sub: "system:serviceaccount:shop:till",
};
const tokenOf = (claims: unknown): Secret =>
  new Secret(
    `header.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature-that-nobody-may-see`,
  );

const refused = (claims: unknown, code = "AccessDenied", roleArn: string = ROLE) => {
  const token = tokenOf(claims);
  const failure = new CallError({ kind: "refused", status: 403, code, text: "Not authorized" });
  return stsFailure(failure, {
    roleArn,
    action: "AssumeRoleWithWebIdentity",
    region: "eu-west-1",
    endpoint: "https://sts.eu-west-1.amazonaws.com",
    confidential: [token],
    token,
  });
};

describe("a refusal of a token", () => {
  test.for(["AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim"])(
    "says which issuer, audience and subject it has, and nothing else of it: %s",
    (code) => {
      const { message } = refused({ ...CLAIMS, jti: "an-id" }, code);
      expect(message).toContain(
        "The token has issuer https://oidc.example/cluster, audience sts.amazonaws.com and subject system:serviceaccount:shop:till.",
      );
      expect(message).not.toMatch(/an-id|header|signature/);
    },
  );

  test("names the command that compares them with the role's trust policy, and podrole has that command", async () => {
    const { remedy = "" } = refused(CLAIMS);
    const name = ROLE.slice(ROLE.lastIndexOf("/") + 1);
    expect(remedy).toBe(
      `Run "aws iam get-role --role-name ${name} --output json | podrole trust-policy -n shop --service-account till --oidc-issuer https://oidc.example/cluster --against -": it shows whether the role exists, and what its trust policy lacks.`,
    );
    const [, line = ""] = /\| podrole ([^"]+)"/.exec(remedy) ?? [];
    const policy = {
      Statement: { Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" },
    };
    const input = JSON.stringify({ Role: { Arn: ROLE, AssumeRolePolicyDocument: policy } });
    expect(await podrole(line.split(" "), input)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("PRINCIPAL"),
    });
  });

  test("gives the command another audience where the token has one", () => {
    expect(refused({ ...CLAIMS, aud: "amazonaws.com" }).remedy).toContain(
      " --token-audience amazonaws.com --against -",
    );
  });

  test("has no such command where the token is of no service account or could not be typed into a shell", () => {
    for (const claims of [
      { ...CLAIMS, sub: "user:x" },
      { ...CLAIMS, iss: "https://a.example/$(x)" },
      { ...CLAIMS, aud: "a;b" },
    ]) {
      expect(refused(claims).remedy).toMatch(/^Check that the role exists.*prints one\.$/);
    }
  });

  test("fits into a termination message with the longest names", () => {
    const claims = {
      iss: `https://${"a".repeat(250)}.example`,
      aud: ["b".repeat(330)],
      sub: `system:serviceaccount:${"n".repeat(63)}:${"s".repeat(244)}`,
    };
    const role = `arn:aws:iam::111122223333:role/${"p".repeat(128)}/${"r".repeat(64)}`;
    const error = refused(claims, "AccessDenied", role);
    expect(error.remedy).toContain("--against -");
    expect(oneLine(error).length).toBeLessThan(3000);
  });
});

describe("a token", () => {
  test("of the API server's form is looked into", () => {
    const token = new Secret(podToken({ aud: ["sts.amazonaws.com", "other"] }));
    expect(presentedBy(token)).toEqual({
      issuer: "https://kubernetes.default.svc",
      audience: "sts.amazonaws.com,other",
      subject: "system:serviceaccount:shop:default",
    });
  });

  test.for([
    ["no JWT", "one-word"],
    ["no JSON", "a.bm90IGpzb24.c"],
    ["a list", `a.${Buffer.from("[]").toString("base64url")}.c`],
  ] as const)("that is none says nothing: %s", ([, text]) => {
    expect(presentedBy(new Secret(text))).toBeUndefined();
  });

  test.for([
    { iss: 1 },
    { aud: [] },
    { sub: "a b" },
    { sub: "x".repeat(331) },
    { iss: "https://a.example/\u202e" },
  ])("with a claim that cannot be shown says nothing: %j", (claim) => {
    expect(presentedBy(tokenOf({ ...CLAIMS, ...claim }))).toBeUndefined();
  });
});
