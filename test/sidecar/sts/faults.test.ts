import { expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { ROLE } from "../../support/credentials.ts";
import { faultySts, issuerAt } from "../../support/faulty-sts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

test.each([
  ["refused", "ValidationError", "definite"],
  ["denied", "AccessDenied", "definite"],
  ["throttled", "Throttling", "throttled"],
  ["internal failure", "InternalFailure", "passing"],
  ["proxy's 502", "STS_ANSWER_INVALID", "passing"],
  ["proxy's 403", "STS_ANSWER_INVALID", "passing"],
  ["garbage", "STS_ANSWER_INVALID", "passing"],
  ["no XML's end", "STS_ANSWER_INVALID", "passing"],
  ["half a body", "STS_ANSWER_INVALID", "passing"],
  ["a body without end", "STS_ANSWER_INVALID", "passing"],
  ["redirect", "STS_ANSWER_INVALID", "passing"],
  ["204", "STS_ANSWER_INVALID", "passing"],
  ["no credentials", "STS_ANSWER_INVALID", "passing"],
  ["empty credentials", "STS_ANSWER_INVALID", "passing"],
  ["a date that is none", "STS_ANSWER_INVALID", "passing"],
  ["another role's credentials", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["another pod's credentials", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["no name", "STS_ANSWER_WRONG_ROLE", "passing"],
  ["closed", "STS_UNREACHABLE", "passing"],
  ["reset", "STS_UNREACHABLE", "passing"],
  ["silence", "STS_TIMEOUT", "passing"],
  ["a drip", "STS_TIMEOUT", "passing"],
] as const)("an STS that sends %s is reported as %s, %s, and called once", async (fault, code, kind) => {
  const sts = await faultySts(Date.now);
  sts.fault = fault;
  const error = await thrown(issuerAt(sts, Date.now, code === "STS_TIMEOUT" ? undefined : {}));
  expect(error).toBeInstanceOf(IssueError);
  expect(error).toMatchObject({ code, kind });
  expect(error.message).toMatch(/^[^\n<]{20,700}\.$/);
  // On a busy machine the time of a call may be over before it has reached STS.
  expect(code === "STS_TIMEOUT" ? Math.max(sts.calls, 1) : sts.calls).toBe(1);
  sts.fault = undefined;
  expect(await issuerAt(sts, Date.now, {})()).toMatchObject({ roleArn: ROLE });
});

test("10,000 first requests to a slow STS are one call, and all get its credentials", async () => {
  const sts = await faultySts(Date.now);
  const engine = createEngine({
    issue: issuerAt(sts, Date.now, {}),
    clock: handClock(Date.now()),
    random: () => 0.5,
  });
  onTestFinished(() => engine.stop());
  engine.start();
  const answers = await Promise.all(Array.from({ length: 10_000 }, () => engine.get()));
  expect(new Set(answers.map(({ accessKeyId }) => accessKeyId)).size).toBe(1);
  expect(sts.calls).toBe(1);
});
