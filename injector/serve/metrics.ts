import { Registry } from "prom-client";
import { metricMakers } from "../http/metric-makers.ts";
import { serverMetrics, type ServerMetrics, type ServerMetricsDeps } from "../http/server-metrics.ts";
import type { Finding } from "../model/findings.ts";
import { DURATION_BUCKETS, METRICS, operationLabel, reasonLabel, resourceLabel } from "./metrics-table.ts";
import type { AnsweredReview } from "../review/admission-result.ts";

export interface Metrics extends ServerMetrics {
  /** Counts one decision. Dry runs are left out, since they change nothing in the cluster. */
  readonly observe: (decided: AnsweredReview) => void;
  /** Counts a review of a client that may send none. */
  readonly countRefusedClient: () => void;
  /** Everything, in the Prometheus text format. */
  readonly text: () => Promise<string>;
}

export interface MetricsDeps extends ServerMetricsDeps {
  readonly refusedLookUps?: () => number;
}

/** The injector's metrics, on their own registry, so that two injectors in one process count separately. */
export function injectorMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry();
  const { counter, histogram } = metricMakers(METRICS, registry);

  const requests = counter("podrole_admission_requests_total");
  const durations = histogram("podrole_admission_duration_seconds", DURATION_BUCKETS);
  const found = counter("podrole_findings_total");
  const wouldDeny = counter("podrole_audit_would_deny_total");
  const guards = counter("podrole_guards_injected_total");
  counter("podrole_lookups_refused_total", () => deps.refusedLookUps?.() ?? 0);
  const refusedClients = counter("podrole_clients_refused_total");
  const ofServer = serverMetrics(registry, deps);

  return {
    observe: ({ review, result, ms }) => {
      if (review.dryRun) return;
      const [resource, operation] = [resourceLabel(review), operationLabel(review)];
      requests.inc({ decision: result.decision, reason: reasonLabel(result), resource, operation });
      durations.observe(ms / 1000);
      for (const { code, severity } of distinct(result.findings)) found.inc({ code, severity });
      if (result.guard !== undefined && result.operations.length > 0) guards.inc({ mode: result.guard });
      // Not for workloads: their pods come later and would be counted again.
      if (resource === "pods" && result.findings.some(({ code }) => code === "ROLE_WOULD_BE_DENIED"))
        wouldDeny.inc();
    },
    ...ofServer,
    countRefusedClient: () => refusedClients.inc(),
    text: () => registry.metrics(),
  };
}

/** The first finding of each kind: a manifest may have a hundred thousand of one kind. */
const distinct = (findings: readonly Finding[]): Iterable<Finding> =>
  new Map(findings.map((one) => [`${one.code} ${one.severity}`, one])).values();
