import { describe, expect, test } from "vitest";
import { parsePrincipal } from "../../../../injector/cli/trust/principal.ts";
import { parseIssuer } from "../../../../injector/cli/trust/provider.ts";
import { parseSubject } from "../../../../injector/cli/trust/subject.ts";
import { ACCOUNT } from "./documents-rig.ts";

describe("a given value", () => {
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
  ])("is refused as an issuer when IAM would refuse it: %j", (raw) => {
    expect(() => parseIssuer(raw, "test")).toThrow(expect.objectContaining({ code: "ISSUER_INVALID" }));
  });

  test.for([
    ["https://issuer.example", "issuer.example"],
    ["https://s3.eu-west-1.amazonaws.com/my-bucket", "s3.eu-west-1.amazonaws.com/my-bucket"],
    ["https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF", "oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF"],
  ] as const)("keeps its host and path as an issuer: %s", ([raw, hostPath]) => {
    expect(parseIssuer(raw, "test").hostPath).toBe(hostPath);
  });

  test.for([
    ["*", "anybody"],
    [`${ACCOUNT}role/*`, "anybody"],
    ["arn:aws:sts::111122223333:assumed-role/nodes/i-0abc", "arn:aws:iam::111122223333:role/nodes"],
    [`${ACCOUNT}instance-profile/nodes`, "get-instance-profile"],
    ["AIDAEXAMPLE", ":user/NAME"],
    ["", ":user/NAME"],
  ] as const)("is refused as a principal with a hint at the right form: %j", ([raw, remedy]) => {
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
    "is refused as namespace and service account when they cannot have these names: %j",
    ([namespace, name]) => {
      expect(() => parseSubject(namespace, name)).toThrow(
        expect.objectContaining({ code: "SUBJECT_INVALID" }),
      );
    },
  );
});
