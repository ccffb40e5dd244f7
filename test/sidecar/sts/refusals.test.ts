import { expect, test } from "vitest";
import { accessDenied } from "../../../injector/cli/demo/aws/sts-refusal.ts";
import { CallError } from "../../../sidecar/sts/call-error.ts";
import { stsFailure, type StsCall as FailedCall } from "../../../sidecar/sts/refusals.ts";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { AMBIENT_ENV, stsRig, WEB_TOKEN } from "../../support/sts-rig.ts";

const FAILED: FailedCall = {
  roleArn: ROLE,
  action: "AssumeRole",
  region: "eu-west-1",
  endpoint: "https://sts.eu-west-1.amazonaws.com",
  confidential: [],
};

test.each([
  [403, "AccessDenied", "definite", /trust policy/],
  [403, "IDPRejectedClaim", "definite", /audience/],
  [400, "InvalidIdentityToken", "definite", /Register the cluster's OIDC issuer/],
  [400, "ExpiredTokenException", "passing", /kubelet/],
  [400, "IDPCommunicationError", "passing", /OIDC issuer/],
  [400, "MalformedPolicyDocument", "definite", /session policy/],
  [400, "PackedPolicyTooLarge", "definite", /Shorten/],
  [400, "ValidationError", "definite", /session-duration/],
  [403, "RegionDisabledException", "definite", /eu-west-1/],
  [403, "InvalidClientTokenId", "definite", /Renew the keys/],
  [403, "ExpiredToken", "passing", /Renew the keys/],
  [403, "SignatureDoesNotMatch", "definite", /Renew the keys/],
  [400, "RequestExpired", "passing", /clock/],
  [403, "RequestTimeTooSkewed", "passing", /clock/],
  [403, "UnrecognizedClientException", "definite", /Renew the keys/],
  [400, "RequestLimitExceeded", "throttled", /^$/],
  [429, "TooManyRequestsException", "throttled", /^$/],
  [429, "Whatever", "throttled", /^$/],
  [400, "RequestTimeout", "passing", /^$/],
  [502, "BadGateway", "passing", /^$/],
  [504, "GatewayTimeout", "passing", /^$/],
  [400, "Throttling", "throttled", /^$/],
  [400, "ThrottlingException", "throttled", /^$/],
  [503, "RequestLimitExceeded", "throttled", /^$/],
  [500, "InternalFailure", "passing", /^$/],
  [503, "ServiceUnavailable", "passing", /^$/],
  [418, "SomethingNew", "definite", /^$/],
] as const)("a %i %s keeps its code and is %s", async (status, code, kind, remedy) => {
  const rig = await stsRig({ refuse: () => ({ status, code, message: "Because." }) });
  const error = await rig.failure();
  expect(error).toMatchObject({
    code,
    kind,
    message: `STS refused AssumeRoleWithWebIdentity for ${ROLE}: Because.`,
  });
  expect(error.remedy ?? "").toMatch(remedy);
  expect(rig.outcomes).toEqual([code]);
});

const NOT_AUTHORIZED = "User: arn:aws:sts::123456789012:assumed-role/hub/x is not authorized to perform:";

test.each([
  [
    "the remedy fits when the role does not trust the pod or does not exist (STS does not say which)",
    [403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"],
    ["definite", /^Check that the role exists and that its trust policy allows/],
  ],
  [
    "the trust policy lets nobody tag the session",
    [403, "AccessDenied", `${NOT_AUTHORIZED} sts:TagSession on resource: ${ROLE}`],
    ["definite", /^Allow sts:TagSession .*sessionTags to false/],
  ],
  [
    "the token's audience is not registered",
    [400, "InvalidIdentityToken", "Incorrect token audience"],
    ["definite", /^Add the audience of the pod.s token .* to the identity provider/],
  ],
  [
    "the issuer is not registered",
    [
      400,
      "InvalidIdentityToken",
      "No OpenIDConnect provider found in your account for https://oidc.example/id/ABC",
    ],
    ["definite", /^Register the cluster's OIDC issuer .* exactly the token's issuer\.$/],
  ],
  [
    "the issuer's keys could not be fetched",
    [400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"],
    ["passing", /reachable from the internet; the sidecar tries again/],
  ],
  [
    "the region is off",
    [403, "RegionDisabledException", "STS is not activated in this region for account:123456789012."],
    ["definite", /^Activate STS in eu-west-1/],
  ],
  [
    "this node's clock is behind",
    [
      403,
      "SignatureDoesNotMatch",
      "Signature expired: 20261121T120000Z is now earlier than 20261121T121500Z",
    ],
    ["passing", /^Set the node's clock/],
  ],
  [
    "this node's clock is ahead",
    [403, "SignatureDoesNotMatch", "Signature not yet current: 20261121T130000Z is still later than x"],
    ["passing", /^Set the node's clock/],
  ],
  [
    "the token has expired",
    [
      400,
      "ExpiredTokenException",
      "Token expired: current date/time must be before the expiration date/time",
    ],
    ["passing", /kubelet still renews/],
  ],
  [
    "policy and tags are too large together",
    [400, "PackedPolicyTooLarge", "Packed size of session tags consumes 120% of allotted space."],
    ["definite", /^Shorten the session policy or the session tags/],
  ],
] as const)("%s", async (_, [status, code, message], [kind, remedy]) => {
  const rig = await stsRig({ refuse: () => ({ status, code, message }) });
  const error = await rig.failure();
  expect(error).toMatchObject({ code, kind, remedy: expect.stringMatching(remedy) });
  expect(error.message).toContain(message);
});

test("an external id that STS quotes back is not repeated", async () => {
  const rig = await stsRig({
    refuse: ({ externalId }) => ({
      status: 400,
      code: "ValidationError",
      message: `Value '${externalId ?? ""}' at 'externalId' failed to satisfy a constraint`,
    }),
  });
  const steps = [{ roleArn: ROLE, durationSeconds: 3600, externalId: "a-shared-secret" }];
  const error = await rig.failure({ source: "ambient", steps, env: AMBIENT_ENV });
  expect(error.message).toContain("Value '[secret]' at 'externalId'");
});

test("an error of the program's own is reported by its kind, never by its text", () => {
  expect(stsFailure(new TypeError("the text"), FAILED).message).toContain(
    "cannot be reached (TypeError) for",
  );
  expect(stsFailure("the text", FAILED).message).toContain("cannot be reached (unknown error) for");
});

test.each([
  ["https://sts-fips.eu-west-1.amazonaws.com", /^Not every region has a FIPS/],
  ["https://sts.eu-west-1.api.aws", /dual-stack .* stsDualStack/],
  ["https://sts-fips.us-iso-east-1.api.aws.ic.gov", /stsFips/],
  ["https://sts.eu-west-1.amazonaws.com", /^Check the pod's DNS/],
  ["https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", /^Check the pod's DNS/],
])("the remedy fits when the name of %s cannot be resolved", (endpoint, remedy) => {
  const unresolved = new CallError({ kind: "unreachable", why: "ENOTFOUND" });
  expect(stsFailure(unresolved, { ...FAILED, endpoint })).toMatchObject({
    code: "STS_UNREACHABLE",
    remedy: expect.stringMatching(remedy),
  });
});

test("a failed call is made once, since the engine tries again", async () => {
  const rig = await stsRig({ refuse: () => ({ status: 503, code: "ServiceUnavailable", message: "x" }) });
  await rig.failure();
  expect(rig.sts.calls).toHaveLength(1);
});

test("a refused AssumeRole names the role's trust policy and the caller's own permission", async () => {
  const rig = await stsRig({ refuse: accessDenied });
  const error = await rig.failure({ source: "ambient", env: AMBIENT_ENV });
  expect(error.message).toContain("user/podrole is not authorized to perform: sts:AssumeRole");
  expect(error.remedy).toContain("sts:TagSession");
});

test("a secret that was sent is removed from STS's own text", async () => {
  const rig = await stsRig({
    refuse: () => ({ status: 403, code: "AccessDenied", message: `No, ${WEB_TOKEN}\nis no good` }),
  });
  const error = await rig.failure();
  expect(error.message).toContain("No, [secret] is no good.");
});

test("an answer that is not STS's is not quoted", async () => {
  const body = `<html>502 ${WEB_TOKEN}`;
  const rig = await stsRig({ fault: () => ({ status: 502, body }) });
  const error = await rig.failure();
  expect(error).toMatchObject({ code: "STS_ANSWER_INVALID", kind: "passing" });
  expect(error.message).toContain("HTTP 502");
});

test.each(["", "<AssumeRoleWithWebIdentityResponse/>", "no XML <"])(
  "an answer of %j is a passing failure",
  async (body) => {
    const rig = await stsRig({ fault: () => ({ body }) });
    expect(await rig.failure()).toMatchObject({
      code: "STS_ANSWER_INVALID",
      kind: "passing",
    });
  },
);

test("a refused connection and a dropped one are STS_UNREACHABLE, with the remedy", async () => {
  const closed = await (await stsRig()).failure({ endpoint: `http://127.0.0.1:${await freePort()}` });
  expect(closed).toMatchObject({ code: "STS_UNREACHABLE", kind: "passing" });
  expect(closed.message).toContain("ECONNREFUSED");
  const rig = await stsRig({ fault: () => ({ drop: true }) });
  expect(await rig.failure()).toMatchObject({ code: "STS_UNREACHABLE" });
});
