import { onTestFinished } from "vitest";
import { eventRecorder } from "../../../injector/serve/events.ts";
import type { AnsweredReview } from "../../../injector/review/admission-result.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";

interface Posted {
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** A recorder whose API server is a list, or fails as the test says. */
export function eventsRig() {
  const clock = handClock();
  const { log, lines } = logLines();
  const posts: Posted[] = [];
  const results: string[] = [];
  const state: { failure: Error | undefined } = { failure: undefined };
  const recorder = eventRecorder({
    api: {
      post: (path, object) => {
        posts.push({ path, object: object as Posted["object"] });
        return state.failure ? Promise.reject(state.failure) : Promise.resolve();
      },
    },
    log,
    clock,
    instance: "injector-7f9c",
    count: (result) => void results.push(result),
  });
  onTestFinished(() => recorder.stop());
  const observe = async (...all: readonly AnsweredReview[]): Promise<void> => {
    for (const one of all) recorder.observe(one);
    await clock.advance(0);
  };
  return { clock, lines, posts, results, state, recorder, observe };
}
