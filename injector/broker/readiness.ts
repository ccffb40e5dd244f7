import type { CodedError } from "../../sidecar/kit/errors.ts";
import type { Trouble } from "../model/trouble.ts";

export interface ReadinessDeps {
  readonly draining: () => boolean;
  /** Whether namespaces and grants have been read. */
  readonly factsRead: () => boolean;
  /** Why they are too old to decide by, or undefined. */
  readonly factsOld: () => CodedError | undefined;
  /** Why there are no settings, or undefined. */
  readonly settings: () => Trouble | undefined;
  /** Why there is no valid certificate, or undefined. */
  readonly certificate: () => Trouble | undefined;
  /** Why no pod can get a session, not even one that is held; or undefined. */
  readonly cannotIssue: () => CodedError | undefined;
  readonly identity: { readonly problem: () => CodedError | undefined };
}

/**
 * Why the broker is not ready: it can give no pod a session. As long as it has any to give, it stays ready. That STS does not answer is
 * no reason, be it by the fault of this replica's node or zone: a replica cannot tell that from an outage of STS, in which those that
 * hold sessions are all that is left.
 */
export const unreadiness = (deps: ReadinessDeps) => (): Trouble | undefined => {
  if (deps.draining()) return { code: "DRAINING", message: "The server is shutting down." };
  const settings = deps.settings();
  if (settings !== undefined) return settings;
  if (!deps.factsRead())
    return { code: "FACTS_UNAVAILABLE", message: "The broker has not read namespaces and grants yet." };
  const old = deps.factsOld();
  if (old !== undefined) return { code: old.code, message: old.message };
  return deps.certificate() ?? (deps.cannotIssue() && noIdentity(deps.identity.problem()));
};

function noIdentity(problem: CodedError | undefined): Trouble {
  const why = problem === undefined ? [] : [problem.message, problem.remedy];
  const message = ["The broker has no AWS identity, and holds no session.", ...why].filter(Boolean).join(" ");
  return { code: "BROKER_IDENTITY_UNAVAILABLE", message };
}
