import type { Review } from "../review/admission-review.ts";
import { sentence, type Finding, type FindingCode } from "../model/findings.ts";
import { isRecord, own, recordsIn, type Fields } from "../model/read.ts";
import type { AnsweredReview } from "../review/admission-result.ts";

/** What an Event says, and on which object. */
export interface Notice {
  readonly namespace: string;
  readonly regarding: ObjectReference;
  readonly reason: "RoleDenied" | "PodDenied" | "RoleWouldBeDenied" | "GuardOff";
  /** The findings' sentences: at most 1024 bytes, which is all that the API server takes. */
  readonly note: string;
}

interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `kubectl describe` asks for the Events of this uid, where the object has one. */
  readonly uid?: string;
}

/** Denied by the policy, not by the looks of the pod. */
const BY_POLICY: ReadonlySet<FindingCode> = new Set(["ROLE_NOT_ALLOWED", "ROLE_DENIED_BY_GRANT"]);
const WOULD_BE_DENIED: ReadonlySet<FindingCode> = new Set(["ROLE_WOULD_BE_DENIED"]);
const UNGUARDED: ReadonlySet<FindingCode> = new Set(["GUARD_OFF", "HOST_NETWORK_UNGUARDED"]);

/** What is to be told of a decision in the cluster: nothing of a dry run, and nothing of what went as wished. */
export function noticesOf({ review, result }: AnsweredReview): readonly Notice[] {
  const { namespace, resource, operation } = review;
  if (review.dryRun || !isNamespace(namespace)) return [];
  const notice = (reason: Notice["reason"], findings: readonly Finding[]): readonly Notice[] =>
    findings.length === 0
      ? []
      : [{ namespace, regarding: regarding(review), reason, note: noteOf(findings) }];
  if (result.decision === "deny") {
    const findings = result.findings.filter(({ severity }) => severity === "deny");
    return notice(of(findings, BY_POLICY).length > 0 ? "RoleDenied" : "PodDenied", findings);
  }
  // A workload's pods come by themselves, and a pod's later changes leave it guarded or not as it was.
  if (resource !== "/pods" || operation !== "CREATE") return [];
  return [
    ...notice("RoleWouldBeDenied", of(result.findings, WOULD_BE_DENIED)),
    ...notice("GuardOff", of(result.findings, UNGUARDED)),
  ];
}

const of = (findings: readonly Finding[], codes: ReadonlySet<FindingCode>): readonly Finding[] =>
  findings.filter(({ code }) => codes.has(code));

/**
 * What a person looks at: of a pod that does not come to be, the controller that makes it; of any other object, or a pod
 * made by hand, the object itself by its name; else the namespace.
 */
function regarding({ object, namespace, resource, operation }: Review): ObjectReference {
  const fields: Fields = isRecord(object) ? object : {};
  const found = own(fields, "metadata");
  const metadata = isRecord(found) ? found : {};
  const type = resource.startsWith("/pods") ? { apiVersion: "v1", kind: "Pod" } : fields;
  const itself = referenceFrom(type, metadata, namespace);
  const owner = operation === "CREATE" ? controllerIn(metadata) : undefined;
  const controller = owner && referenceFrom(owner, owner, namespace);
  return controller ?? itself ?? { apiVersion: "v1", kind: "Namespace", namespace, name: namespace };
}

const controllerIn = (metadata: Fields): Fields | undefined =>
  recordsIn(metadata, "ownerReferences").find((owner) => own(owner, "controller") === true);

/**
 * The API server has not validated any of it yet, and takes anything in an Event: what no object is called is dropped
 * here, lest a manifest's author write into other people's terminals.
 */
function referenceFrom(type: Fields, named: Fields, namespace: string): ObjectReference | undefined {
  const [apiVersion, kind] = [own(type, "apiVersion"), own(type, "kind")];
  const [name, uid] = [own(named, "name"), own(named, "uid")];
  if (!matches(apiVersion, /^[a-z0-9][a-z0-9./-]{0,252}$/) || !matches(kind, /^[A-Z][A-Za-z0-9]{0,62}$/)) {
    return undefined;
  }
  if (!matches(name, /^[a-z0-9][a-z0-9.-]{0,252}$/)) return undefined;
  const known = matches(uid, /^[A-Za-z0-9-]{1,64}$/) ? { uid } : {};
  return { apiVersion, kind, namespace, name, ...known };
}

const matches = (value: unknown, pattern: RegExp): value is string =>
  typeof value === "string" && pattern.test(value);

/** A name that may stand in a path. */
const isNamespace = (name: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name);

const NOTE_MAX_BYTES = 1024;

/** As many sentences as fit. A manifest can have a hundred thousand findings: those that nobody will read are not made. */
function noteOf(findings: readonly Finding[]): string {
  let note = "";
  for (const one of findings) {
    note += note === "" ? sentence(one) : ` ${sentence(one)}`;
    if (note.length > NOTE_MAX_BYTES) break;
  }
  return clipped(note);
}

/** Counted in bytes, as the API server counts, and never cut within a character. */
function clipped(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= NOTE_MAX_BYTES) return text;
  const ellipsis = "…";
  const room = NOTE_MAX_BYTES - Buffer.byteLength(ellipsis);
  return new TextDecoder().decode(bytes.subarray(0, room), { stream: true }) + ellipsis;
}
