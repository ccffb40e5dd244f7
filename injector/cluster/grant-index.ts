import { coded, type CodedError } from "../../sidecar/kit/errors.ts";
import type { NamespaceFacts } from "../model/facts.ts";
import { covers, parseGrant, type Grant } from "../model/grant.ts";
import { isRecord, own, type Fields } from "../model/read.ts";

/** A grant, or one that cannot be read. */
export type GrantReading =
  | { readonly kind: "grant"; readonly grant: Grant }
  | {
      readonly kind: "unreadable";
      readonly error: CodedError;
      /** Whom it is about, a grant of nothing; undefined where not even that can be read. */
      readonly scope: Grant | undefined;
    };

/** Never throws: a watch must not stumble over one object. */
export function readGrant(object: Fields): GrantReading {
  try {
    return { kind: "grant", grant: parseGrant(object) };
  } catch (error) {
    return { kind: "unreadable", error: coded(error, "GRANT_INVALID"), scope: scopeOf(object) };
  }
}

/** What is left of the spec when everything is taken away that does not say whom the grant is about. */
function scopeOf(object: Fields): Grant | undefined {
  const spec = own(object, "spec");
  if (!isRecord(spec)) return undefined;
  const namespaces = own(spec, "namespaces");
  const namespaceSelector = own(spec, "namespaceSelector");
  try {
    // Without spec.serviceAccounts, which may be the part that cannot be read: none of them are all of them.
    return parseGrant({ metadata: own(object, "metadata"), spec: { namespaces, namespaceSelector } });
  } catch {
    return undefined;
  }
}

/** Grants by the namespaces they cover. */
export interface GrantIndex {
  /**
   * In the order of their names, so that every replica names the same rule. Of any service account: that is for the
   * decision to look at.
   * @throws CodedError `GRANT_INVALID`: a grant that cannot be read may be a Deny, so where it could cover the namespace
   *   nothing can be decided. One whose own scope cannot be read either could cover every namespace. Elsewhere
   *   decisions go on: one broken grant of one team must not stop the cluster.
   */
  covering(namespace: NamespaceFacts): readonly Grant[];
}

/**
 * An index over these readings, which must not change. A namespace's grants are looked for once and remembered for as
 * long as its facts are the same object: with 2,000 grants the search costs more than all else in a decision.
 */
export function grantIndex(readings: Iterable<GrantReading>): GrantIndex {
  const grants: Scoped[] = [];
  const unreadable: (GrantReading & { kind: "unreadable" })[] = [];
  for (const reading of readings) {
    if (reading.kind === "unreadable") unreadable.push(reading);
    else grants.push({ grant: reading.grant, scope: ofAnyAccount(reading.grant) });
  }
  grants.sort((a, b) => (a.grant.name < b.grant.name ? -1 : 1));
  const known = new WeakMap<NamespaceFacts, readonly Grant[]>();

  const search = (namespace: NamespaceFacts): readonly Grant[] =>
    grants.filter(({ scope }) => covers(scope, namespace, "")).map(({ grant }) => grant);

  return {
    covering: (namespace) => {
      const broken = unreadable.find(({ scope }) => scope === undefined || covers(scope, namespace, ""));
      if (broken !== undefined) throw broken.error;
      const found = known.get(namespace) ?? search(namespace);
      known.set(namespace, found);
      return found;
    },
  };
}

/** A grant, and the same as if it were for every service account. */
interface Scoped {
  readonly grant: Grant;
  readonly scope: Grant;
}

const ofAnyAccount = (grant: Grant): Grant => ({ ...grant, serviceAccounts: ["*"] });
