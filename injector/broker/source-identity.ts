import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { AssumeRole } from "../../sidecar/sts/role-request.ts";

export interface SourceIdentityDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called when a role is found that allows none. */
  readonly onLeftOut: (roleArn: string) => void;
}

/** After that it is tried again: somebody may have allowed it. */
const LEFT_OUT_MS = 3_600_000;

/**
 * Source identities are welcome and not required: where STS refuses one, the call is made again without, and for an hour the role is
 * not asked with this one. A trust policy may allow others.
 */
export function sourceIdentityWhereAllowed({
  now,
  onLeftOut,
}: SourceIdentityDeps): (assumeRole: AssumeRole) => AssumeRole {
  const leftOutUntil = new Map<string, number>();
  return (assumeRole) =>
    async ({ sourceIdentity, ...request }) => {
      const { roleArn } = request.step;
      const both = `${roleArn} ${sourceIdentity}`;
      if (sourceIdentity === undefined || (leftOutUntil.get(both) ?? 0) > now()) return assumeRole(request);
      try {
        return await assumeRole({ ...request, sourceIdentity });
      } catch (error) {
        if (!isAboutSourceIdentity(error)) throw error;
      }
      const credentials = await assumeRole(request);
      for (const [key, until] of leftOutUntil) if (until <= now()) leftOutUntil.delete(key);
      leftOutUntil.set(both, now() + LEFT_OUT_MS);
      onLeftOut(roleArn);
      return credentials;
    };
}

/** STS names the action that the caller may not perform, or that the role's trust policy does not allow. */
const isAboutSourceIdentity = (error: unknown): boolean =>
  error instanceof IssueError &&
  error.code.startsWith("AccessDenied") &&
  error.message.includes("sts:SetSourceIdentity");
