import type { Log } from "../../sidecar/kit/log.ts";
import type { Finding } from "../model/findings.ts";
import type { AdmissionResult, AnsweredReview } from "../review/admission-result.ts";
import type { Review } from "../review/admission-review.ts";
import { nameInReview } from "../review/review.ts";
import { operationLabel, resourceLabel, RESOURCES } from "./metrics-table.ts";

/**
 * What a review leaves behind: one line of names and codes. Messages may repeat parts of a manifest, and a manifest may
 * contain a secret. Anybody who reaches the port can post a review, so a text that is no name is left out.
 */
export function logDecision({ review, result, ms }: AnsweredReview, log: Log): void {
  const fields = {
    uid: uidOf(review),
    operation: operationLabel(review),
    resource: RESOURCES.has(review.resource) ? review.resource : resourceLabel(review),
    namespace: nameOr(review.namespace, LABEL),
    name: nameOr(nameInReview(review), SUBDOMAIN_OR_PREFIX),
    ...auditAnnotations(result),
    ms: Math.round(ms * 1000) / 1000,
  };
  log.info(review.dryRun ? { ...fields, dryRun: true } : fields, "decided");
}

/** For the API server's audit log, and for ours. */
export const auditAnnotations = (result: AdmissionResult): Readonly<Record<string, string>> => ({
  decision: result.decision,
  ...(result.reason === undefined ? {} : { reason: result.reason }),
  ...(result.role === undefined ? {} : { role: result.role }),
  ...(result.rule === undefined ? {} : { rule: result.rule }),
  ...(result.findings.length > 0
    ? { findings: [...new Set(result.findings.map(({ code }) => code))].join(",") }
    : {}),
  ...exemptedBy(result.findings),
});

/** The exemptions that a pod needs. They are an admin's words, so the log may have them too. */
function exemptedBy(findings: readonly Finding[]): Readonly<Record<string, string>> {
  const entries = new Set(findings.flatMap(({ entry }) => (entry === undefined ? [] : [entry])));
  return entries.size === 0 ? {} : { exempted: [...entries].join(",") };
}

/** The names that Kubernetes allows: RFC 1123 labels and subdomains. A controller's prefix ends in any of their characters. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN_OR_PREFIX = /^[a-z0-9][a-z0-9.-]{0,252}\*?$/;
const UID = /^[a-z0-9-]{1,36}$/;

const nameOr = (text: string, names: RegExp): string => (names.test(text) ? text : "(no name)");

export const uidOf = ({ uid }: Pick<Review, "uid">): string => nameOr(uid, UID);
