import type { Step } from "../contract/session.ts";
import type { Secret } from "../kit/secret.ts";
import type { Keys } from "./client.ts";
import type { Credentials } from "./credentials.ts";

/** The two calls that give a role. */
export type StsAction = "AssumeRoleWithWebIdentity" | "AssumeRole";

/** Whom a call is made as: the bearer of a service account token, which goes unsigned, or the owner of keys. */
export type Caller =
  | { readonly kind: "token"; readonly token: Secret }
  | { readonly kind: "keys"; readonly keys: Keys };

export type TimedStep = Step & { readonly durationSeconds: number };

export interface RoleRequest {
  readonly caller: Caller;
  readonly step: TimedStep;
  readonly sessionName: string;
}

/** One call to STS, or two where the first session was too long for it. @throws IssueError */
export type AssumeRole = (request: RoleRequest) => Promise<Credentials>;

export const actionOf = ({ kind }: Caller): StsAction =>
  kind === "token" ? "AssumeRoleWithWebIdentity" : "AssumeRole";
