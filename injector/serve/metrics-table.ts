import type { MetricSpec } from "../http/metric-makers.ts";
import { SERVER_METRICS } from "../http/server-metrics.ts";
import { WORKLOADS } from "../review/workload-admission.ts";
import type { Review } from "../review/admission-review.ts";
import type { AdmissionResult } from "../review/admission-result.ts";

/** Every metric of the injector. The registry and the reference page are made from this table. */
export const METRICS = {
  podrole_admission_requests_total: {
    type: "counter",
    help: "Reviews that were answered, without dry runs.",
    labels: {
      decision: "`inject`, `allow`, `skip` or `deny`",
      reason:
        "for a skip, why podrole did nothing; for a denial, the code of its first finding; otherwise empty",
      resource: "`pods`, `apps/deployments` and so on; `other` for resources that podrole does not handle",
      operation: "`CREATE`, `UPDATE`, `DELETE`, `CONNECT`; else `other`",
    },
  },
  podrole_admission_duration_seconds: {
    type: "histogram",
    help: "Time from the parsed review to its answer, without dry runs.",
    labels: {},
  },
  podrole_findings_total: {
    type: "counter",
    help: "Reviews with a finding of this code, without dry runs. A review counts once, even if it has the finding several times.",
    labels: {
      code: "as in a denial's message",
      severity: "`deny`, `warn` or `info`; a finding that denies a pod may be a warning for its workload",
    },
  },
  podrole_audit_would_deny_total: {
    type: "counter",
    help: "Pods that policy mode audit admitted and mode enforce would deny. Turn on enforce when this no longer rises.",
    labels: {},
  },
  podrole_guards_injected_total: {
    type: "counter",
    help: "New pods that podrole has changed, by the mode of their guard, without dry runs. A pod counts again if the API server asks again after another webhook and podrole changes it once more.",
    labels: { mode: "`block`, `verify`, or `off` for a pod with a role and no guard" },
  },
  podrole_clients_refused_total: {
    type: "counter",
    help: "Reviews that were refused because their client showed no certificate by the CA in --client-ca. Always 0 without that option.",
    labels: {},
  },
  podrole_lookups_refused_total: {
    type: "counter",
    help: "Reviews that were denied because their namespace or service account was not in memory and too many such were asked for. If it rises for long, somebody posts forged reviews.",
    labels: {},
  },
  ...SERVER_METRICS,
} as const satisfies Record<string, MetricSpec>;

/** Seconds. A decision takes well under a millisecond; what is slower has waited for the API server. */
export const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** The resources that podrole decides about, as {@link Review.resource} spells them. */
export const RESOURCES: ReadonlySet<string> = new Set([
  "/pods",
  "/pods/ephemeralcontainers",
  "/pods/resize",
  ...WORKLOADS,
]);
const OPERATIONS: ReadonlySet<string> = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);
const OTHER = "other";

/** Anybody who reaches the webhook's port can send a review of any resource, so unknown ones make no new series. */
export const resourceLabel = ({ resource }: Pick<Review, "resource">): string =>
  RESOURCES.has(resource) ? resource.replace(/^\//, "") : OTHER;

export const operationLabel = ({ operation }: Pick<Review, "operation">): string =>
  OPERATIONS.has(operation) ? operation : OTHER;

export const reasonLabel = ({ decision, reason, findings }: AdmissionResult): string =>
  reason ??
  (decision === "deny" ? findings.find(({ severity }) => severity === "deny")?.code : undefined) ??
  "";
