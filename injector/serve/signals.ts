import { constants } from "node:os";

/**
 * Ends the process on SIGTERM and SIGINT. At first at once: a server that does not listen yet has nothing to finish.
 * @returns a function that takes what has to be finished first from then on. A second signal does not wait for it.
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
