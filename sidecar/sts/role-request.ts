import type { Secret } from "../kit/secret.ts";
import type { TimedStep } from "../kit/timed-steps.ts";
import type { Keys } from "./client.ts";
import type { Credentials } from "./credentials.ts";

/** The two calls that give a role. */
export type StsAction = "AssumeRoleWithWebIdentity" | "AssumeRole";

/** Who makes a call: the bearer of a service account token (the call is unsigned), or the owner of keys. */
export type Caller =
  | { readonly kind: "token"; readonly token: Secret }
  | { readonly kind: "keys"; readonly keys: Keys };

export interface RoleRequest {
  readonly caller: Caller;
  readonly step: TimedStep;
  readonly sessionName: string;
  /** Stays with the session through every role assumed with it. AssumeRoleWithWebIdentity takes none. */
  readonly sourceIdentity?: string;
}

/** Makes one call to STS, or two if STS refuses the first for its length. @throws IssueError */
export type AssumeRole = (request: RoleRequest) => Promise<Credentials>;

export const actionOf = ({ kind }: Caller): StsAction =>
  kind === "token" ? "AssumeRoleWithWebIdentity" : "AssumeRole";
