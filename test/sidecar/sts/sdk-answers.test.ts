import { isRetryableByTrait, isThrottlingError, isTransientError } from "@smithy/core/retry";
import { describe, expect, test } from "vitest";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { kindOf } from "../../../sidecar/sts/issue-error.ts";
import type { RoleRequest } from "../../../sidecar/sts/role-request.ts";
import { ROLE } from "../../support/credentials.ts";
import { bytes, read } from "../../support/read-answer.ts";
import { sdkCall } from "../../support/sdk-sts.ts";
import { grantedXml, refusedXml } from "../../support/sts-xml.ts";

/** We read from an answer what the AWS SDK reads, and try again where it would. */

const REQUEST: RoleRequest = {
  caller: { kind: "keys", keys: { accessKeyId: "AKIA", secretAccessKey: new Secret("s") } },
  step: { roleArn: ROLE, durationSeconds: 3600 },
  sessionName: "billing.api-0",
};

describe("a session is read as the AWS SDK reads it when", () => {
  const answers: readonly (readonly [string, string])[] = [
    ["STS writes it", grantedXml()],
    ["values hold entities", grantedXml({ secretAccessKey: `a&<>"b'`, sessionToken: "&amp;&lt;" })],
    ["values hold numbered entities", grantedXml().replace("ASIAEXAMPLE", "&#65;SI&#x41;")],
    ["values are in CDATA", grantedXml().replace("ASIAEXAMPLE", "<![CDATA[ASIA<&>]]>")],
    ["there are comments", grantedXml().replace("<Credentials>", "<Credentials><!-- <Code>& -->")],
    ["there is no declaration", grantedXml().replace(/^<\?xml.*\n/, "")],
    ["it is on one line", grantedXml().replaceAll(/\n\s*/g, "")],
    ["lines end as on Windows", grantedXml().replaceAll("\n", "\r\n")],
    [
      "unknown elements are in it",
      grantedXml().replace("<Credentials>", "<New a='1'><Deep/></New><Credentials>"),
    ],
    ["the time has fractions", grantedXml({ expiration: "2026-11-28T23:00:00.123Z" })],
    ["the time has an offset", grantedXml({ expiration: "2026-11-28T23:00:00+02:00" })],
  ];
  test.each(answers)("%s", async (_, body) => {
    const { output } = await sdkCall(REQUEST, { status: 200, body: bytes(body) });
    if (output instanceof Error) throw output;
    const { Credentials: sdk, AssumedRoleUser } = output;
    const own = read(body);
    if ("kind" in own) throw new Error(own.kind);
    expect([own.accessKeyId, own.secretAccessKey.reveal(), own.sessionToken.reveal(), own.arn]).toEqual([
      sdk?.AccessKeyId,
      sdk?.SecretAccessKey,
      sdk?.SessionToken,
      AssumedRoleUser?.Arn,
    ]);
    expect(own.expiresAt).toBe(sdk?.Expiration?.getTime());
    // The SDK takes it from a header.
    expect(own.requestId).toBe("c6104cbe-af31-11e0-8154-cbc7ccf896c7");
  });
});

const CODES = [
  ["AccessDenied", 403],
  ["AccessDeniedException", 400],
  ["IDPRejectedClaim", 403],
  ["IDPCommunicationError", 400],
  ["InvalidIdentityToken", 400],
  ["ExpiredTokenException", 400],
  ["ExpiredToken", 403],
  ["MalformedPolicyDocument", 400],
  ["PackedPolicyTooLarge", 400],
  ["RegionDisabledException", 403],
  ["ValidationError", 400],
  ["InvalidClientTokenId", 403],
  ["SignatureDoesNotMatch", 403],
  ["InvalidParameterValue", 400],
  ["MissingAuthenticationToken", 403],
  ["OptInRequired", 403],
  ["InternalFailure", 500],
  ["InternalError", 500],
  ["ServiceUnavailable", 503],
  ["BadGateway", 502],
  ["GatewayTimeout", 504],
  ["RequestTimeout", 400],
  ["RequestTimeoutException", 408],
  ["BandwidthLimitExceeded", 400],
  ["EC2ThrottledException", 400],
  ["LimitExceededException", 400],
  ["PriorRequestNotComplete", 400],
  ["ProvisionedThroughputExceededException", 400],
  ["RequestLimitExceeded", 503],
  ["RequestThrottled", 400],
  ["RequestThrottledException", 400],
  ["SlowDown", 503],
  ["ThrottledException", 400],
  ["Throttling", 400],
  ["ThrottlingException", 400],
  ["TooManyRequestsException", 429],
  ["TransactionInProgressException", 400],
  ["SomethingNew", 418],
  ["SomethingNew", 429],
] as const;

describe("a refusal has the AWS SDK's code, and is tried again where the AWS SDK would:", () => {
  test.each(CODES)("%s with the status %i", async (code, status) => {
    const body = refusedXml(code, "Because <of> it & more.");
    const { output } = await sdkCall(REQUEST, { status, body: bytes(body) });
    if (!(output instanceof Error)) throw new Error("no error");
    const own = read(body, status);
    expect(own).toEqual({ kind: "refused", status, code, text: "Because <of> it & more." });
    expect(output).toMatchObject({ Code: code, message: "Because <of> it & more." });
    const kind = kindOf(code, status, "Because <of> it & more.");
    // The SDK looks at the error's name, which it makes of the code.
    const throttles = isThrottlingError(output as Parameters<typeof isThrottlingError>[0]);
    const passes =
      isTransientError(output as Parameters<typeof isTransientError>[0]) ||
      isRetryableByTrait(output as never);
    expect([kind === "throttled", passes && kind === "definite"]).toEqual([throttles, false]);
  });
});
