import { assertSessionOf } from "../../../sidecar/sts/assumed-role.ts";
import { CallError, type CallFailure } from "../../../sidecar/sts/call-error.ts";
import { stsFailure, type StsCall } from "../../../sidecar/sts/refusals.ts";
import { thrown } from "../../support/thrown.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import type { Row } from "./row.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const CALL: StsCall = {
  roleArn: ROLE,
  action: "AssumeRoleWithWebIdentity",
  region: "eu-west-1",
  endpoint: "https://sts.eu-west-1.amazonaws.com",
  confidential: [],
};
/** As the sidecar calls, with a token of the kind that a kubelet writes. */
const BY_TOKEN: StsCall = {
  ...CALL,
  token: new Secret(
    [
      "header",
      Buffer.from(
        JSON.stringify({
          iss: "https://oidc.example/id/ABC",
          aud: ["sts.amazonaws.com"],
          sub: "system:serviceaccount:shop:web",
        }),
      ).toString("base64url"),
      "signature",
    ].join("."),
  ),
};
const PROXIED: StsCall = { ...CALL, proxy: "http://proxy.example:3128" };
const AS_HUB: StsCall = { ...CALL, action: "AssumeRole" };
const NOT_AUTHORIZED =
  "User: arn:aws:sts::111122223333:assumed-role/hub/shop.web is not authorized to perform:";

/** What STS has been seen to answer: code, text, status, and the call where it is no AssumeRoleWithWebIdentity. */
const REFUSALS: readonly (readonly [code: string, text: string, status: number, call?: StsCall])[] = [
  ["AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403],
  ["AccessDenied", `${NOT_AUTHORIZED} sts:AssumeRole on resource: ${ROLE}`, 403, AS_HUB],
  ["AccessDenied", `${NOT_AUTHORIZED} sts:TagSession on resource: ${ROLE}`, 403, AS_HUB],
  [
    "InvalidIdentityToken",
    "No OpenIDConnect provider found in your account for https://oidc.example/id/ABC",
    400,
  ],
  ["InvalidIdentityToken", "Incorrect token audience", 400],
  ["InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", 400],
  ["InvalidIdentityToken", "The ID Token provided is not a valid JWT.", 400],
  ["IDPRejectedClaim", "The identity provider's claim was rejected", 403],
  ["IDPCommunicationError", "The identity provider could not be reached", 400],
  ["ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time", 400],
  ["RegionDisabledException", "STS is not activated in this region for account:111122223333.", 403],
  [
    "SignatureDoesNotMatch",
    "Signature expired: 20261121T120000Z is now earlier than 20261121T121500Z",
    403,
    AS_HUB,
  ],
  ["SignatureDoesNotMatch", "The request signature we calculated does not match", 403, AS_HUB],
  [
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large",
    403,
    AS_HUB,
  ],
  ["RequestExpired", "Request has expired", 400, AS_HUB],
  ["InvalidClientTokenId", "The security token included in the request is invalid.", 403, AS_HUB],
  ["UnrecognizedClientException", "The security token included in the request is invalid.", 403, AS_HUB],
  ["ExpiredToken", "The security token included in the request is expired", 403, AS_HUB],
  ["ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", 400],
  ["PackedPolicyTooLarge", "Packed size of session tags consumes 120% of allotted space.", 400, AS_HUB],
  ["MalformedPolicyDocument", "Syntax errors in policy.", 400],
  ["Throttling", "Rate exceeded", 400],
];

/** STS could not be asked, or what answered was not STS. */
const TRANSPORT: readonly (readonly [failure: CallFailure, call?: StsCall])[] = [
  [
    { kind: "unreachable", why: "ENOTFOUND" },
    { ...CALL, endpoint: "https://sts-fips.eu-west-1.amazonaws.com" },
  ],
  [{ kind: "unreachable", why: "ECONNREFUSED" }],
  [{ kind: "unreachable", why: "ECONNRESET" }, PROXIED],
  [{ kind: "unreachable", why: "SELF_SIGNED_CERT_IN_CHAIN" }],
  [
    { kind: "unreachable", why: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { ...CALL, endpoint: "https://sts.example" },
  ],
  [{ kind: "late", afterMs: 5000, at: "origin" }],
  [{ kind: "late", afterMs: 5000, at: "proxy" }, PROXIED],
  [{ kind: "proxy-unreachable", why: "ECONNREFUSED" }, PROXIED],
  [{ kind: "proxy-refused", status: 407 }, PROXIED],
  [{ kind: "proxy-refused", status: 403 }, PROXIED],
  [{ kind: "proxy-refused", status: 502 }, PROXIED],
  [{ kind: "proxy-refused", status: undefined }, PROXIED],
  [{ kind: "invalid-answer", status: 502 }],
];

/** Where the failure itself knows no remedy. */
const TODO: Readonly<Record<string, string>> = {
  Throttling:
    "Nothing at once: it is tried again with longer pauses. If it stays, look at who else in the account calls STS that often.",
};

/** STS's refusals, each as the sidecar tells it; `CODE: ` and what to do are apart. */
export async function stsRows(): Promise<readonly Row[]> {
  const failures = [
    ...REFUSALS.map(([code, text, status, call = BY_TOKEN]) =>
      stsFailure(new CallError({ kind: "refused", code, text, status }), call),
    ),
    ...TRANSPORT.map(([failure, call = CALL]) => stsFailure(new CallError(failure), call)),
    await thrown(() =>
      assertSessionOf("arn:aws:sts::111122223333:assumed-role/other/shop.web", {
        roleArn: ROLE,
        sessionName: "shop.web",
      }),
    ),
  ];
  return failures.map(({ code, message, remedy = TODO[code] ?? "" }) => ({
    says: `${code}: ${message.replaceAll(ROLE, "ROLE")}`,
    todo: remedy.replaceAll(ROLE, "the role"),
  }));
}
