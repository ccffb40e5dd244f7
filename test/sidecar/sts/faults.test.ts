import { describe, expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { ROLE } from "../../support/credentials.ts";
import { FAULTY_BROKER } from "../../support/faulty-broker.ts";
import { type Fault } from "../../support/faulty-server.ts";
import { FAULTY_STS } from "../../support/faulty-sts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

/** The codes of what each fault is reported as: at STS, and at the broker where that differs. */
const REPORTED: readonly (readonly [Fault, kind: string, atSts: string, atBroker?: string])[] = [
  ["refused", "definite", "ValidationError", "ROLE_NOT_ALLOWED"],
  ["denied", "definite", "AccessDenied"],
  ["withdrawn", "definite", "ROLE_NOT_ALLOWED"],
  ["throttled", "throttled", "Throttling", "BROKER_BUSY"],
  ["internal failure", "passing", "InternalFailure", "FACTS_UNAVAILABLE"],
  ["proxy's 502", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["proxy's 403", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["garbage", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["no document's end", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["half a body", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["a body without end", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["redirect", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["204", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["no credentials", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["empty credentials", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["a date that is none", "passing", "STS_ANSWER_INVALID", "BROKER_ANSWER_INVALID"],
  ["another role's credentials", "passing", "STS_ANSWER_WRONG_ROLE", "BROKER_ANSWER_WRONG_ROLE"],
  ["another pod's credentials", "passing", "STS_ANSWER_WRONG_ROLE"],
  ["no name", "passing", "STS_ANSWER_WRONG_ROLE", "BROKER_ANSWER_INVALID"],
  ["closed", "passing", "STS_UNREACHABLE", "BROKER_UNREACHABLE"],
  ["reset", "passing", "STS_UNREACHABLE", "BROKER_UNREACHABLE"],
  ["silence", "passing", "STS_TIMEOUT", "BROKER_TIMEOUT"],
  ["a drip", "passing", "STS_TIMEOUT", "BROKER_TIMEOUT"],
];

describe.each([FAULTY_STS, FAULTY_BROKER])("with $name", (place) => {
  const reported = REPORTED.filter(([fault]) => place.faults.includes(fault)).map(
    ([fault, kind, atSts, atBroker = atSts]) =>
      [fault, place === FAULTY_STS ? atSts : atBroker, kind] as const,
  );

  test.each(reported)(
    "that sends %s, that is reported as %s, %s, after one call",
    async (fault, code, kind) => {
      const server = await place.open(Date.now);
      server.fault = fault;
      const isLate = code.endsWith("_TIMEOUT");
      const error = await thrown(server.issuerAt(Date.now, isLate ? undefined : {}));
      expect(error).toBeInstanceOf(IssueError);
      expect(error).toMatchObject({ code, kind });
      expect(error.message).toMatch(/^[^\n<]{20,700}\.$/);
      // On a busy machine the time of a call may be over before it has reached the server.
      expect(isLate ? Math.max(server.calls, 1) : server.calls).toBe(1);
      server.fault = undefined;
      expect(await server.issuerAt(Date.now, {})()).toMatchObject({ roleArn: ROLE });
    },
  );

  test("that is slow, 10,000 first requests are one call, and all get its credentials", async () => {
    const server = await place.open(Date.now);
    const engine = createEngine({
      issue: server.issuerAt(Date.now, {}),
      clock: handClock(Date.now()),
      random: () => 0.5,
    });
    onTestFinished(() => engine.stop());
    engine.start();
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => engine.get()));
    expect(new Set(answers.map(({ accessKeyId }) => accessKeyId)).size).toBe(1);
    expect(server.calls).toBe(1);
  });
});
