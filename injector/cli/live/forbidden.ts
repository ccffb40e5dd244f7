/** A user, and what the API server does not let them do. */
export interface Forbidden {
  readonly user: string;
  /** `get deployments.apps in namespace shop`. */
  readonly what: string;
}

const OBJECT =
  /User "(?<user>[^"]+)" cannot (?<verb>[a-z]+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/;
const PATH = /User "(?<user>[^"]+)" cannot (?<verb>[a-z]+) path "(?<path>[^"]+)"/;

/** Reads a sentence of Kubernetes' RBAC; undefined for those of other authorizers, and of admission. */
export function forbiddenIn(said: string): Forbidden | undefined {
  const { user, verb, resource, group, namespace, path } =
    OBJECT.exec(said)?.groups ?? PATH.exec(said)?.groups ?? {};
  if (user === undefined) return undefined;
  const kind = group ? `${resource}.${group}` : resource;
  const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
  return { user, what: `${verb} ${path ?? `${kind}${where}`}` };
}
