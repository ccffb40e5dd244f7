import { expect, test } from "vitest";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { problemOf, waitForStart, type Needed } from "../../sidecar/start.ts";
import { handClock } from "../support/hand-clock.ts";
import { thrown } from "../support/thrown.ts";

const SECOND = 1000;

/** Something that the start needs, which the test gives or refuses. */
function part(code: string) {
  const first = Promise.withResolvers<void>();
  let problem: CodedError | undefined = new CodedError(code, "Not yet.");
  return {
    needed: { first: first.promise, problem: () => problem } satisfies Needed,
    give: () => {
      problem = undefined;
      first.resolve();
    },
    refuse: (reason: CodedError) => first.reject(reason),
  };
}

function rig() {
  const clock = handClock();
  const stopping = new AbortController();
  const [guard, session] = [part("GUARD_NOT_VERIFIED"), part("CREDENTIALS_NOT_READY")];
  const needed = [guard.needed, session.needed];
  let outcome: unknown = "waiting";
  const started = waitForStart(needed, { timeoutMs: 30 * SECOND, clock, signal: stopping.signal });
  void started.then(
    () => (outcome = "started"),
    (reason: unknown) => (outcome = reason),
  );
  return { clock, guard, session, needed, started, stop: () => stopping.abort(), outcome: () => outcome };
}

test("a start waits until everything is there", async () => {
  const { clock, guard, session, outcome } = rig();
  session.give();
  await clock.advance(SECOND);
  expect(outcome()).toBe("waiting");
  guard.give();
  await clock.advance(SECOND);
  expect(outcome()).toBe("started");
});

test("a start ends at once when something it needs is refused for good", async () => {
  const { clock, session, outcome } = rig();
  await clock.advance(10 * SECOND);
  const refusal = new CodedError("AccessDenied", "No.");
  session.refuse(refusal);
  await clock.advance(0);
  expect(outcome()).toBe(refusal);
});

test("a start ends when its time-out passes, with the first problem, and not a moment sooner", async () => {
  const { clock, guard, started, outcome } = rig();
  guard.give();
  const reason = thrown(() => started);
  await clock.advance(30 * SECOND - 1);
  expect(outcome()).toBe("waiting");
  await clock.advance(1);
  expect(await reason).toMatchObject({ code: "CREDENTIALS_NOT_READY" });
});

test("a start that is stopped ends without an error", async () => {
  const { clock, stop, outcome } = rig();
  stop();
  await clock.advance(60 * SECOND);
  expect(outcome()).toBe("started");
});

test("of several problems the first in the list is reported, and none when everything is there", () => {
  const { guard, session, needed } = rig();
  expect(problemOf(needed)?.code).toBe("GUARD_NOT_VERIFIED");
  guard.give();
  expect(problemOf(needed)?.code).toBe("CREDENTIALS_NOT_READY");
  session.give();
  expect(problemOf(needed)).toBeUndefined();
});
