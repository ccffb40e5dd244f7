import { WORKLOADS } from "../review/workload-admission.ts";
import type { Review } from "../review/admission-review.ts";
import type { AdmissionResult } from "../review/admission-result.ts";

interface MetricSpec {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Each label and what it holds. Never a name that tenants choose: there is no end of those. */
  readonly labels: Readonly<Record<string, string>>;
}

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
  podrole_facts_synced: {
    type: "gauge",
    help: "1 when namespaces, service accounts and grants have been read. It stays 1 while the API server is down.",
    labels: {},
  },
  podrole_facts_objects: {
    type: "gauge",
    help: "Objects of each kind that are held in memory.",
    labels: { resource: "`namespaces`, `serviceaccounts`, `rolegrants` or `limitranges`" },
  },
  podrole_facts_age_seconds: {
    type: "gauge",
    help: "Time since the last news of each kind from the API server, or since the start if there was none. Up to 120 is usual if nothing changes. Over 300, decisions use old facts.",
    labels: { resource: "as above" },
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
  podrole_unready: {
    type: "gauge",
    help: "1 with the reason why /readyz answers 503. No series if it answers 200.",
    labels: { code: "`DRAINING`, `FACTS_UNAVAILABLE`, or why there are no settings or no valid certificate" },
  },
  podrole_settings_refused: {
    type: "gauge",
    help: "1 with the reason if the settings in the ConfigMap are not in force and the last valid ones are used. Otherwise no series.",
    labels: { code: "such as `CONFIG_INVALID`; the log says what is wrong with each key" },
  },
  podrole_settings_taken_timestamp_seconds: {
    type: "gauge",
    help: "Unix time at which the settings in force were applied; 0 if there are none yet.",
    labels: {},
  },
  podrole_draining: { type: "gauge", help: "1 from SIGTERM on.", labels: {} },
  podrole_connections_refused_total: {
    type: "counter",
    help: "Connections that were closed because there were too many, from one address or in total.",
    labels: {},
  },
  podrole_tls_serving_not_after_timestamp_seconds: {
    type: "gauge",
    help: "Unix time at which the served certificate expires; 0 if there is none yet.",
    labels: {},
  },
  podrole_tls_ca_not_after_timestamp_seconds: {
    type: "gauge",
    help: "Unix time at which the CA in the Secret expires; 0 if the certificate is read from files.",
    labels: {},
  },
  podrole_tls_reloads_total: {
    type: "counter",
    help: "Certificates that this replica has started to serve, including the first.",
    labels: {},
  },
  podrole_tls_trouble: {
    type: "gauge",
    help: "1 with the reason why a new certificate cannot be loaded. Otherwise no series.",
    labels: { code: "such as `TLS_SECRET_FORBIDDEN`; the log has the sentence and the remedy" },
  },
  podrole_build_info: { type: "gauge", help: "Always 1.", labels: { version: "of podrole" } },
  process_cpu_seconds_total: { type: "counter", help: "CPU time spent, user and system.", labels: {} },
  process_start_time_seconds: { type: "gauge", help: "Start of the process, Unix time.", labels: {} },
  process_resident_memory_bytes: { type: "gauge", help: "Resident memory.", labels: {} },
  nodejs_heap_size_used_bytes: { type: "gauge", help: "Memory of the JavaScript heap in use.", labels: {} },
  nodejs_eventloop_utilization_ratio: {
    type: "gauge",
    help: "Share of the time since the last scrape in which the event loop was busy, 0 to 1.",
    labels: {},
  },
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
