import { coded, type CodedError } from "../../sidecar/kit/errors.ts";
import type { NamespaceFacts } from "../model/facts.ts";
import { coversNamespace, parseGrant, type Grant } from "../model/grant.ts";
import { isRecord, own, type Fields } from "../model/read.ts";

/** A grant, or one that cannot be read. */
export type GrantReading =
  | { readonly kind: "grant"; readonly grant: Grant }
  | {
      readonly kind: "unreadable";
      readonly error: CodedError;
      /** The namespaces it covers, as a grant without roles; undefined when they cannot be read either. */
      readonly scope: Grant | undefined;
    };

/** Never throws: one bad object must not end the watch. */
export function readGrant(object: Fields): GrantReading {
  try {
    return { kind: "grant", grant: parseGrant(object) };
  } catch (error) {
    return { kind: "unreadable", error: coded(error, "GRANT_INVALID"), scope: scopeOf(object) };
  }
}

/** The part of the spec that says which namespaces the grant covers. */
function scopeOf(object: Fields): Grant | undefined {
  const spec = own(object, "spec");
  if (!isRecord(spec)) return undefined;
  const namespaces = own(spec, "namespaces");
  const namespaceSelector = own(spec, "namespaceSelector");
  try {
    // Without spec.serviceAccounts, which may be the part that cannot be read. Without it, a grant covers all accounts.
    return parseGrant({ metadata: own(object, "metadata"), spec: { namespaces, namespaceSelector } });
  } catch {
    return undefined;
  }
}

/** Grants by the namespaces they cover. */
export interface GrantIndex {
  /**
   * The grants of a namespace for any service account, ordered by name so that every replica names the same rule.
   * @throws CodedError `GRANT_INVALID` when a grant that cannot be read could cover the namespace: it may be a Deny. When
   *   its scope cannot be read either, it could cover every namespace. Pods of other namespaces are not affected, so that
   *   one team's broken grant does not stop the cluster.
   */
  covering(namespace: NamespaceFacts): readonly Grant[];
}

/**
 * An index over these readings, which must not change. The grants of a namespace are searched once and remembered while its
 * facts are the same object: with 2,000 grants the search costs more than the rest of a decision.
 */
export function grantIndex(readings: Iterable<GrantReading>): GrantIndex {
  const grants: Grant[] = [];
  const unreadable: (GrantReading & { kind: "unreadable" })[] = [];
  for (const reading of readings) {
    if (reading.kind === "unreadable") unreadable.push(reading);
    else grants.push(reading.grant);
  }
  grants.sort((a, b) => (a.name < b.name ? -1 : 1));
  const known = new WeakMap<NamespaceFacts, readonly Grant[]>();

  const search = (namespace: NamespaceFacts): readonly Grant[] =>
    grants.filter((grant) => coversNamespace(grant, namespace));

  return {
    covering: (namespace) => {
      const broken = unreadable.find(({ scope }) => scope === undefined || coversNamespace(scope, namespace));
      if (broken !== undefined) throw broken.error;
      const found = known.get(namespace) ?? search(namespace);
      known.set(namespace, found);
      return found;
    },
  };
}
