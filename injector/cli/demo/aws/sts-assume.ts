import type { StsCall } from "./sts-call.ts";
import type { Owner } from "./sts-keys.ts";
import { refusal, type StsRefusal } from "./sts-refusal.ts";

/** Whom a web identity token was minted for, as a registered OIDC provider would find it. */
export interface WebIdentity {
  readonly subject: string;
  readonly audience: string;
}

/**
 * The ARN of the session that an AssumeRole call gets, or why it gets none. Pure.
 * @param identity of its token, @param caller who has signed it: one of the two
 */
export function assume(
  call: StsCall,
  identity: WebIdentity | undefined,
  caller: Owner | undefined,
): { readonly arn: string } | StsRefusal {
  if (call.action !== "AssumeRole" && call.action !== "AssumeRoleWithWebIdentity") {
    return refusal(400, "InvalidAction", `Could not find operation ${call.action} for version 2011-06-15`);
  }
  const problem = invalid(call, caller);
  if (problem !== undefined) return problem;
  if (call.action === "AssumeRoleWithWebIdentity" && identity?.audience !== "sts.amazonaws.com") {
    const why =
      identity === undefined
        ? "Couldn't retrieve verification key from your identity provider"
        : "Incorrect token audience";
    return refusal(400, "InvalidIdentityToken", why);
  }
  const [partition = "", account = "", role = ""] =
    /^arn:([\w-]+):iam::(\d{12}):role\/(.+)$/.exec(call.roleArn ?? "")?.slice(1) ?? [];
  const session = `${role.split("/").at(-1) ?? ""}/${call.sessionName ?? ""}`;
  return { arn: `arn:${partition}:sts::${account}:assumed-role/${session}` };
}

const wrong = (message: string): StsRefusal => refusal(400, "ValidationError", message);

/** STS's own limits. */
function invalid(call: StsCall, caller: Owner | undefined): StsRefusal | undefined {
  if (!/^arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(call.roleArn ?? ""))
    return wrong(`${call.roleArn ?? "null"} is invalid`);
  if (!/^[\w+=,.@-]{2,64}$/.test(call.sessionName ?? "")) {
    return wrong("Value at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]{2,64}");
  }
  if (!/^[\w+=,.@-]{2,64}$/.test(call.sourceIdentity ?? "none")) {
    return wrong("Value at 'sourceIdentity' failed to satisfy constraint: [\\w+=,.@-]{2,64}");
  }
  if (call.durationSeconds < 900 || call.durationSeconds > 43_200) {
    return wrong("Value at 'durationSeconds' failed to satisfy constraint: between 900 and 43200");
  }
  if (caller?.arn.includes(":assumed-role/") === true && call.durationSeconds > 3600) {
    return wrong(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  }
  return undefined;
}
