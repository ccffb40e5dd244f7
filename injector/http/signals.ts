import { constants } from "node:os";

/**
 * Ends the process on SIGTERM and SIGINT, at first immediately: a server that does not listen yet has nothing to finish.
 * @returns a function that sets the work to finish first. A second signal does not wait for that work.
 */
export function endOnSignals(): (finish: () => void) => void {
  let finish: (() => void) | undefined;
  let ending = false;
  const end = (signal: "SIGTERM" | "SIGINT"): void => {
    if (finish === undefined) process.exit(0);
    if (ending) process.exit(128 + constants.signals[signal]);
    ending = true;
    finish();
  };
  process.on("SIGTERM", end).on("SIGINT", end);
  return (last) => {
    finish = last;
  };
}
