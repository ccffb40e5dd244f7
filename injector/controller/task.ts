import type { Clock } from "../../sidecar/kit/clock.ts";
import { CodedError, oneLine } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { Refusal, whyOf } from "../cluster/api-server.ts";
import type { Trouble } from "../model/trouble.ts";

export interface TaskDeps {
  readonly name: string;
  /** Between two rounds. */
  readonly intervalMs: number;
  /** One round. An error is logged once, and the next round tries again. */
  readonly round: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Work that the controller repeats. */
export interface Task {
  readonly name: string;
  /** Until the signal; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Why the last round failed, or undefined. */
  readonly trouble: () => Trouble | undefined;
  /** Whether a round has ended well since the start. */
  succeeded(): boolean;
}

/** The code of an error that has none of its own: the API server refused a request, or did not answer. */
const NO_CODE = "API_REQUEST_FAILED";

/** One line in the log for each change of state, however often a round fails meanwhile. */
export function task({ name, intervalMs, round, clock, log }: TaskDeps): Task {
  let trouble: Trouble | undefined;
  let succeeded = false;
  return {
    name,
    run: async (signal) => {
      while (!signal.aborted) {
        const before = trouble;
        trouble = await round(signal).then(() => undefined, troubleOf);
        if (signal.aborted) return;
        succeeded ||= trouble === undefined;
        if (trouble === undefined && before !== undefined) log.info({ task: name }, "task recovered");
        if (trouble !== undefined && trouble.message !== before?.message)
          log.error({ task: name, code: trouble.code, why: trouble.message }, "task failed");
        await clock.sleep(intervalMs, signal);
      }
    },
    trouble: () => trouble,
    succeeded: () => succeeded,
  };
}

/** Code and sentence only: other fields of an error may contain the data that was being written. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof CodedError) return { code: error.code, message: oneLine(error) };
  // What the API server says names object, verb and right; of a Secret nothing comes here, see tls/trouble.ts.
  const said = error instanceof Refusal && error.said !== "" ? `: ${error.said}` : "";
  return { code: NO_CODE, message: `${NO_CODE}: ${whyOf(error)}${said}` };
}
