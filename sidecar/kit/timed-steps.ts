import { SESSION_SECONDS, type Step } from "../contract/session.ts";
import { tagValue, type PodIdentity } from "./session-name.ts";

export type TimedStep = Step & { readonly durationSeconds: number };

/** The keys of a step in between are used once, within seconds, so STS's shortest session is long enough. */
const HUB_STEP_SECONDS = 900;

/** The steps of one pod: placeholders are filled in, and each has a duration. */
export const timedSteps = (steps: readonly Step[], pod: PodIdentity): readonly TimedStep[] =>
  steps.map((step, index) => completed(step, index === steps.length - 1, pod));

function completed(step: Step, isLast: boolean, pod: PodIdentity): TimedStep {
  const durationSeconds = step.durationSeconds ?? (isLast ? SESSION_SECONDS : HUB_STEP_SECONDS);
  if (step.tags === undefined) return { ...step, durationSeconds };
  const tags = Object.entries(step.tags).map(([key, value]) => [key, tagValue(value, pod)]);
  return { ...step, durationSeconds, tags: Object.fromEntries(tags) };
}
