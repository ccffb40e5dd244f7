import { expect, test } from "vitest";
import type { StsCall } from "../../../injector/cli/demo/aws/sts-call.ts";
import { accessDenied, type StsRefusal } from "../../../injector/cli/demo/aws/sts-refusal.ts";
import type { TimedStep } from "../../../sidecar/kit/timed-steps.ts";
import { ROLE } from "../../support/credentials.ts";
import { HUB, stsRig, type StsRig } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";

const TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
const validationError = (message: string): StsRefusal => ({ status: 400, code: "ValidationError", message });
const durations = ({ sts }: StsRig): readonly number[] => sts.calls.map((call) => call.durationSeconds);
const hoursOf = (hours: number): readonly TimedStep[] => [{ roleArn: ROLE, durationSeconds: hours * 3600 }];
const hourAtMost = ({ durationSeconds }: StsCall): StsRefusal | undefined =>
  durationSeconds > 3600 ? validationError(TOO_LONG) : undefined;

test("a session longer than the role allows is asked for once, and one hour from then on, reported once", async () => {
  const rig = await stsRig({ refuse: hourAtMost });
  const ask = rig.issuer({ steps: hoursOf(4) });
  for (let renewal = 0; renewal < 3; renewal += 1) {
    const { expiresAt, issuedAt } = await ask();
    expect((expiresAt - issuedAt) / 1000).toBeGreaterThan(3590);
  }
  expect(durations(rig)).toEqual([14_400, 3600, 3600, 3600]);
  expect(rig.notices).toMatchObject([
    {
      code: "SESSION_SHORTENED_BY_STS",
      message: expect.stringContaining(ROLE),
      remedy: expect.stringMatching(
        /aws iam update-role --role-name \S+ --max-session-duration 14400.*podrole\.dev\/session-duration to 1h/,
      ),
    },
  ]);
});

test("a chained session that is too long is shortened, and not blamed on a role's MaxSessionDuration", async () => {
  const rig = await stsRig();
  const steps = [
    { roleArn: HUB, durationSeconds: 7200 },
    { roleArn: ROLE, durationSeconds: 7200 },
  ];
  const ask = rig.issuer({ steps });
  expect(await ask()).toMatchObject({ roleArn: ROLE });
  await ask();
  expect(durations(rig)).toEqual([7200, 7200, 3600, 7200, 3600]);
  expect(rig.notices).toHaveLength(1);
  expect(rig.notices[0]?.remedy).not.toContain("update-role");
});

test("a role that refuses the hour too is a failure, without a third call", async () => {
  const rig = await stsRig({ refuse: () => validationError(TOO_LONG) });
  const ask = rig.issuer({ steps: hoursOf(2) });
  expect(await thrown(ask)).toMatchObject({ code: "ValidationError", kind: "definite" });
  expect(await thrown(ask)).toMatchObject({ code: "ValidationError", kind: "definite" });
  expect(durations(rig)).toEqual([7200, 3600, 3600]);
  expect(rig.notices).toHaveLength(1);
});

test("the failure of the call for an hour is the one that is reported", async () => {
  const rig = await stsRig({ refuse: (call) => hourAtMost(call) ?? accessDenied(call) });
  const ask = rig.issuer({ steps: hoursOf(2) });
  expect(await thrown(ask)).toMatchObject({ code: "AccessDenied" });
  expect(rig.outcomes).toEqual(["ValidationError", "AccessDenied"]);
});

test.each([
  ["an hour was asked for", 1, validationError(TOO_LONG)],
  [
    "another parameter is wrong",
    2,
    validationError("Value at 'roleSessionName' failed to satisfy constraint"),
  ],
  ["the code is another", 2, { status: 403, code: "AccessDenied", message: TOO_LONG }],
] as const)("no shorter session is asked for when %s", async (_, hours, refusal) => {
  const rig = await stsRig({ refuse: () => refusal });
  expect(await rig.failure({ steps: hoursOf(hours) })).toMatchObject({
    code: refusal.code,
  });
  expect(durations(rig)).toEqual([hours * 3600]);
  expect(rig.notices).toEqual([]);
});

test("a new process asks for the full session again", async () => {
  const rig = await stsRig({ refuse: hourAtMost });
  for (let start = 0; start < 2; start += 1) await rig.issue({ steps: hoursOf(2) });
  expect(durations(rig)).toEqual([7200, 3600, 7200, 3600]);
});
