import { IssueError } from "../../sidecar/sts/issue-error.ts";

/** The broker has more to do than it can do in time. */
export class BusyError extends IssueError {
  /** For the header `Retry-After`. */
  readonly retryAfterSeconds: number;

  constructor(message: string, remedy: string, retryAfterMs: number) {
    super("BROKER_BUSY", message, { kind: "throttled", remedy });
    this.retryAfterSeconds = Math.min(60, Math.max(1, Math.ceil(retryAfterMs / 1000)));
  }
}
