import type { CodedError } from "../../sidecar/kit/errors.ts";
import type { Trouble } from "../model/trouble.ts";

export interface ReadinessDeps {
  readonly draining: () => boolean;
  /** Whether namespaces and grants have been read. */
  readonly factsRead: () => boolean;
  /** Why there are no settings, or undefined. */
  readonly settings: () => Trouble | undefined;
  /** Why there is no valid certificate, or undefined. */
  readonly certificate: () => Trouble | undefined;
  readonly identity: { readonly isHeld: () => boolean; readonly problem: () => CodedError | undefined };
}

/**
 * Why the broker is not ready. That its own identity could not be renewed in time is no reason, once there was one: sessions that are
 * held are still given, and other replicas would be no better off.
 */
export function unreadiness(deps: ReadinessDeps): () => Trouble | undefined {
  let hadIdentity = false;
  return () => {
    hadIdentity ||= deps.identity.isHeld();
    if (deps.draining()) return { code: "DRAINING", message: "The server is shutting down." };
    const settings = deps.settings();
    if (settings !== undefined) return settings;
    if (!deps.factsRead())
      return { code: "FACTS_UNAVAILABLE", message: "The broker has not read namespaces and grants yet." };
    return deps.certificate() ?? (hadIdentity ? undefined : noIdentity(deps.identity.problem()));
  };
}

function noIdentity(problem: CodedError | undefined): Trouble {
  const why = problem === undefined ? [] : [problem.message, problem.remedy];
  const message = ["The broker has no AWS identity yet.", ...why].filter(Boolean).join(" ");
  return { code: "BROKER_IDENTITY_UNAVAILABLE", message };
}
