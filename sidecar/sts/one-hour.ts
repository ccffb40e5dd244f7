import { roleName } from "./arn.ts";
import { ANNOTATION } from "../contract/annotations.ts";
import type { TimedStep } from "../kit/timed-steps.ts";
import { IssueError } from "./issue-error.ts";
import { CodedError } from "../kit/errors.ts";

/** Every role allows this, chained or not: IAM accepts no smaller MaxSessionDuration. */
const ONE_HOUR_SECONDS = 3600;

/**
 * Makes the calls of one identity, and asks for one hour if STS refuses a longer session: only IAM knows what a role
 * allows, so an annotation may ask for more. The hour is asked for at once, and from then on first, as long as the
 * returned function is used. A refusal of the hour is a failure like any other.
 * @param onShortened called once for each such step, with the code `SESSION_SHORTENED_BY_STS`
 */
export function oneHourFallback(
  onShortened?: (notice: CodedError) => void,
): <T>(step: TimedStep, call: (step: TimedStep) => Promise<T>) => Promise<T> {
  const shortened = new WeakSet<TimedStep>();
  return async (step, call) => {
    const hour = { ...step, durationSeconds: ONE_HOUR_SECONDS };
    if (shortened.has(step)) return call(hour);
    try {
      return await call(step);
    } catch (error) {
      const limit = step.durationSeconds > ONE_HOUR_SECONDS ? limitOf(error) : undefined;
      if (limit === undefined) throw error;
      shortened.add(step);
      onShortened?.(noticeOf(step, limit));
    }
    return call(hour);
  };
}

type Limit = "role" | "chaining";

/** Recognised by STS's text, since every bad parameter has the code ValidationError. */
function limitOf(error: unknown): Limit | undefined {
  if (!(error instanceof IssueError) || error.code !== "ValidationError") return undefined;
  const words = /\bDurationSeconds exceeds the (MaxSessionDuration|1 hour session limit)\b/.exec(
    error.message,
  );
  if (words === null) return undefined;
  return words[1] === "MaxSessionDuration" ? "role" : "chaining";
}

function noticeOf({ roleArn, durationSeconds }: TimedStep, limit: Limit): CodedError {
  const why = limit === "role" ? "its MaxSessionDuration is less" : "a chained session has one hour at most";
  const lower = `set ${ANNOTATION.sessionDuration} to 1h`;
  const raise = `aws iam update-role --role-name ${roleName(roleArn)} --max-session-duration ${durationSeconds}`;
  return new CodedError(
    "SESSION_SHORTENED_BY_STS",
    `STS refuses ${roleArn} for ${durationSeconds} s (${why}); this pod asks for ${ONE_HOUR_SECONDS} s until it restarts.`,
    {
      remedy:
        limit === "role" ? `Run "${raise}" and restart the pod, or ${lower}.` : `To avoid this, ${lower}.`,
    },
  );
}
