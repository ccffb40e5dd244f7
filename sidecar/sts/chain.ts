import type { TimedStep } from "../kit/timed-steps.ts";
import type { AssumeRole, Caller } from "./role-request.ts";
import type { Credentials } from "./credentials.ts";
import { IssueError } from "./issue-error.ts";

/** One attempt at credentials. It rejects with an {@link IssueError}; anything else counts as passing. */
export type Issue = () => Promise<Credentials>;

/** The way from the sidecar's own identity to a pod's role. */
export interface Chain {
  /** At least one. The last is for the role itself. */
  readonly steps: readonly TimedStep[];
  readonly sessionName: string;
  readonly assumeRole: AssumeRole;
}

/**
 * Makes the steps one after the other, each with the credentials of the one before.
 * @param firstCaller called for every attempt, since files and keys are renewed
 */
export function issuerOf(
  firstCaller: () => Promise<Caller>,
  { steps, sessionName, assumeRole }: Chain,
): Issue {
  return async () => {
    let caller = await firstCaller();
    let credentials: Credentials | undefined;
    for (const step of steps) {
      credentials = await assumeRole({ caller, step, sessionName });
      caller = { kind: "keys", keys: credentials };
    }
    if (credentials === undefined) throw new IssueError("CONFIG_INVALID", "No step.", { kind: "definite" });
    return credentials;
  };
}
