import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { Refusal, whyOf } from "../cluster/api-server.ts";

/** How long the API server may take for one answer, in milliseconds. A sidecar waits ten seconds for the broker. */
export const API_MS = 3000;

/**
 * Without an answer of the API server nothing is decided.
 * @param what could not be done, as the beginning of a sentence
 */
export const factsUnavailable = (what: string, error: unknown): IssueError =>
  new IssueError("FACTS_UNAVAILABLE", `${what}: ${reasonOf(error)}.`, {
    kind: "passing",
    remedy:
      "Nothing to do: the sidecar tries again. If it goes on, ask a cluster admin to check the API server and the broker's RBAC (podrole check).",
  });

/** A parser's message quotes what it could not read. */
const reasonOf = (error: unknown): string => {
  if (error instanceof Refusal) return `HTTP ${error.status}`;
  return error instanceof SyntaxError ? "the answer is not JSON" : whyOf(error);
};
