import { expect, onTestFinished, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { unreadyOf } from "../../../injector/controller/controller.ts";
import { task, type Task } from "../../../injector/controller/task.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";

interface Rig {
  readonly one: Task;
  readonly clock: HandClock;
  readonly lines: readonly LogLine[];
  readonly state: { failure: Error | undefined; rounds: number };
}

function running(name = "certificates"): Rig {
  const clock = handClock();
  const { log, lines } = logLines();
  const state: Rig["state"] = { failure: undefined, rounds: 0 };
  const round = async (): Promise<void> => {
    state.rounds += 1;
    if (state.failure !== undefined) throw state.failure;
  };
  const one = task({ name, intervalMs: 10_000, round, clock, log });
  const stopping = new AbortController();
  const ended = one.run(stopping.signal);
  onTestFinished(async () => {
    stopping.abort();
    await ended;
  });
  return { one, clock, lines, state };
}

test("a task runs at its interval", async () => {
  const { clock, state } = running();
  await clock.advance(30_000);
  expect(state.rounds).toBe(4);
});

test("a failed task is tried again, logs each change of state once, and reports why it failed", async () => {
  const { one, clock, lines, state } = running();
  await clock.advance(0);
  state.failure = new CodedError("TLS_SECRET_FORBIDDEN", "No.", { remedy: "Allow it." });
  await clock.advance(60_000);
  expect(one.trouble()).toEqual({
    code: "TLS_SECRET_FORBIDDEN",
    message: "TLS_SECRET_FORBIDDEN: No. Allow it.",
  });
  state.failure = new Refusal(503, "later");
  await clock.advance(60_000);
  expect(one.trouble()).toEqual({
    code: "API_REQUEST_FAILED",
    message: "API_REQUEST_FAILED: HTTP 503: later",
  });
  state.failure = undefined;
  await clock.advance(60_000);
  expect(one.trouble()).toBeUndefined();
  expect(lines.map(({ msg }) => msg)).toEqual(["task failed", "task failed", "task recovered"]);
});

test("the controller is ready once certificates are kept, and not while they cannot be", async () => {
  const [certificates, settings] = [running(), running("settings")];
  const tasks = [certificates.one, settings.one];
  expect(unreadyOf(tasks)).toMatchObject({ code: "STARTING" });
  await certificates.clock.advance(0);
  settings.state.failure = new Error("no");
  await settings.clock.advance(10_000);
  expect(unreadyOf(tasks)).toBeUndefined();
  certificates.state.failure = new CodedError("TLS_UNSETTLED", "Somebody else.");
  await certificates.clock.advance(10_000);
  expect(unreadyOf(tasks)).toMatchObject({ code: "TLS_UNSETTLED" });
});

test("the controller is ready from the start when it keeps no certificates", () => {
  expect(unreadyOf([running("settings").one])).toBeUndefined();
});
