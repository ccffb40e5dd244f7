import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  dictionary,
  integer,
  option,
  record,
  string,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { formOf } from "../../../sidecar/sts/form.ts";
import type { TimedStep } from "../../../sidecar/kit/timed-steps.ts";
import type { Caller, RoleRequest } from "../../../sidecar/sts/role-request.ts";
import { amzDateOf, authorization } from "../../../sidecar/sts/signature.ts";
import { ROLE } from "../../support/credentials.ts";
import { sdkCall } from "../../support/sdk-sts.ts";

/** Our own client of STS sends what the AWS SDK would send: the same form, signed in the same way. */

const TOKEN: Caller = { kind: "token", token: new Secret("header.pay-load_+/=.signature") };
const LONG_LIVED = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: new Secret("wJalrXUtnFEMI/K7MDENG+b=") };
const KEYS: Caller = { kind: "keys", keys: LONG_LIVED };
const SESSION: Caller = {
  kind: "keys",
  keys: { ...LONG_LIVED, sessionToken: new Secret("IQoJb3JpZ2luX2VjE+//==") },
};

const request = (
  caller: Caller,
  over: Partial<TimedStep> = {},
  sessionName = "billing.api-0",
): RoleRequest => ({
  caller,
  step: { roleArn: ROLE, durationSeconds: 3600, ...over },
  sessionName,
});

/** The SDK's request, and ours from the same inputs: its form, and its headers signed by us. */
async function both(one: RoleRequest, region = "eu-west-1") {
  const { sent } = await sdkCall(one, undefined, region);
  const { authorization: theirs, "user-agent": _, ...headers } = sent.headers;
  const ours =
    one.caller.kind === "keys"
      ? authorization({ headers, body: sent.body }, one.caller.keys, { region, service: "sts" })
      : undefined;
  return {
    sent,
    sdk: { form: sent.body, authorization: theirs },
    own: { form: formOf(one), authorization: ours },
  };
}

const UNUSUAL = "a b+c*d~e'f(g)h!i&j=k%20l;m/n?o#p\"q<r>s\\t\u00FC\u00DF\u20AC\u{1F600}\t\n\u0000";
const POLICY = JSON.stringify({
  Statement: [{ Resource: "arn:aws:s3:::b/${aws:PrincipalTag/x}/*", Sid: UNUSUAL }],
});

const REQUESTS: readonly (readonly [string, RoleRequest])[] = [
  ["a token", request(TOKEN)],
  [
    "a token, a policy and managed policies",
    request(TOKEN, { policy: POLICY, policyArns: ["arn:a", "arn:b"] }),
  ],
  ["long-lived keys", request(KEYS)],
  ["a session's keys", request(SESSION)],
  ["an external id", request(KEYS, { externalId: "a:b/c=d+e@f,g.h-i" })],
  ["tags", request(SESSION, { tags: { team: "billing", "kubernetes-pod-name": "api-0", Größe: "" } })],
  ["tags of unusual characters", request(SESSION, { tags: { [UNUSUAL]: UNUSUAL, __proto: "x", " ": " " } })],
  [
    "fifty tags",
    request(KEYS, { tags: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, "v"])) }),
  ],
  ["transitive tags", request(KEYS, { tags: { a: "1", b: "2" }, transitiveTagKeys: ["b", "a"] })],
  [
    "everything",
    request(SESSION, {
      durationSeconds: 43_200,
      externalId: "x y",
      policy: POLICY,
      policyArns: Array.from({ length: 10 }, (_, n) => `arn:aws:iam::aws:policy/p${n}`),
      tags: { a: UNUSUAL },
      transitiveTagKeys: ["a"],
    }),
  ],
  ["a session name of all its characters", request(KEYS, {}, "A_z0+=,.@-")],
  ["a source identity", { ...request(KEYS, { externalId: "x" }), sourceIdentity: "billing.reader" }],
];

test.each(REQUESTS)("the AWS SDK sends the same for %s", async (_, one) => {
  const { sent, sdk, own } = await both(one);
  expect(own).toEqual(sdk);
  expect(sent).toMatchObject({ method: "POST", protocol: "https:", path: "/" });
  expect(sent.headers["content-type"]).toBe("application/x-www-form-urlencoded");
});

test.each(["us-east-1", "cn-north-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1"])(
  "the AWS SDK signs the same for %s",
  async (region) => {
    const { sdk, own } = await both(request(SESSION), region);
    expect(own.authorization).toBe(sdk.authorization);
    expect(own.authorization).toContain(`/${region}/sts/aws4_request`);
  },
);

test("the AWS SDK sends the same for any input", async () => {
  const text = string({ unit: "grapheme", maxLength: 60 });
  const steps = record(
    {
      externalId: text,
      policy: text,
      policyArns: array(text, { minLength: 1, maxLength: 3 }),
      tags: dictionary(text, text, { minKeys: 1, maxKeys: 4 }),
      transitiveTagKeys: array(text, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
  const key = string({ unit: "grapheme-ascii", minLength: 1, maxLength: 80 }).map((one) =>
    one.replaceAll(/[^\x21-\x7E]/g, "x"),
  );
  const inputs = record({
    steps,
    durationSeconds: integer({ min: 900, max: 43_200 }),
    sessionName: text,
    id: key,
    secret: key,
    token: option(key, { nil: undefined }),
    region: constantFrom("eu-west-1", "cn-north-1"),
  });
  await assert(
    asyncProperty(
      inputs,
      async ({ steps: step, durationSeconds, sessionName, id, secret, token, region }) => {
        const keys = {
          accessKeyId: id,
          secretAccessKey: new Secret(secret),
          ...(token === undefined ? {} : { sessionToken: new Secret(token) }),
        };
        const one = request({ kind: "keys", keys }, { ...step, durationSeconds }, sessionName);
        const { sdk, own } = await both(one, region);
        expect(own).toEqual(sdk);
      },
    ),
    { numRuns: 200 },
  );
});

describe("a form", () => {
  test("is read as it was meant, by any reader of forms", () => {
    const form = new URLSearchParams(
      formOf(request(SESSION, { tags: { [UNUSUAL]: UNUSUAL }, policy: POLICY })),
    );
    expect(Object.fromEntries(form)).toMatchObject({
      Policy: POLICY,
      "Tags.member.1.Key": UNUSUAL,
      "Tags.member.1.Value": UNUSUAL,
    });
  });

  test("consists of characters that no reader takes for others", () => {
    for (const [, one] of REQUESTS) expect(formOf(one)).toMatch(/^[\w.~%=&-]+$/);
  });

  test("has no half of a character that does not exist", () => {
    expect(formOf(request(KEYS, { tags: { a: "\uD83D" } }))).toContain("Tags.member.1.Value=%EF%BF%BD");
  });

  test("of a token names no tags, external id or source identity, which AssumeRoleWithWebIdentity has not", () => {
    const step = { tags: { a: "b" }, transitiveTagKeys: ["a"], externalId: "x" };
    const own = { ...request(TOKEN, step), sourceIdentity: "billing.reader" };
    expect(formOf(own)).toBe(formOf(request(TOKEN)));
  });
});

test("the time of a signature is UTC in whole seconds", () => {
  expect(amzDateOf(Date.UTC(2026, 10, 28, 22, 0, 7, 999))).toBe("20261128T220007Z");
});
