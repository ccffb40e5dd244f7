import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Finding } from "../model/findings.ts";
import { DURATION_BUCKETS, METRICS, operationLabel, reasonLabel, resourceLabel } from "./metrics-table.ts";
import type { Trouble } from "../model/trouble.ts";
import type { TlsSourceState } from "../tls/source.ts";
import type { Followed } from "../cluster/kubernetes.ts";
import type { ConfigInForce } from "../cluster/config-in-force.ts";
import type { AnsweredReview } from "../review/admission-result.ts";

export interface Metrics {
  /** Counts one decision. Dry runs are left out, since they change nothing in the cluster. */
  readonly observe: (decided: AnsweredReview) => void;
  /** Counts a certificate taken into service. */
  readonly countReload: () => void;
  readonly countRefused: () => void;
  /** Counts a review of a client that may send none. */
  readonly countRefusedClient: () => void;
  /** Everything, in the Prometheus text format. */
  readonly text: () => Promise<string>;
}

export interface MetricsDeps {
  readonly version: string;
  /** Whether the cluster has been read. */
  readonly synced: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly followed?: () => readonly Followed[];
  readonly refusedLookUps?: () => number;
  /** State of the certificate; absent when there is none. */
  readonly tls?: () => TlsSourceState;
  /** Why the server is not ready, or undefined. */
  readonly unready?: () => Trouble | undefined;
  readonly config?: Pick<ConfigInForce, "refused" | "takenAt">;
}

/** The injector's metrics, on their own registry, so that two injectors in one process count separately. */
export function injectorMetrics(deps: MetricsDeps): Metrics {
  const { version, synced, unready = () => undefined } = deps;
  const registry = new Registry();
  const { counter, gauge, histogram } = makers(registry);

  const requests = counter("podrole_admission_requests_total");
  const durations = histogram("podrole_admission_duration_seconds");
  const found = counter("podrole_findings_total");
  const wouldDeny = counter("podrole_audit_would_deny_total");
  const guards = counter("podrole_guards_injected_total");
  gauge("podrole_facts_synced", () => (synced() ? 1 : 0));
  factsMetrics(registry, deps);
  counter("podrole_lookups_refused_total", () => deps.refusedLookUps?.() ?? 0);
  const tls = tlsMetrics(registry, deps);
  const refused = counter("podrole_connections_refused_total");
  const refusedClients = counter("podrole_clients_refused_total");
  labelled(gauge("podrole_unready"), () => codeOf(unready()));
  labelled(gauge("podrole_settings_refused"), () => codeOf(deps.config?.refused()));
  gauge("podrole_settings_taken_timestamp_seconds", () => (deps.config?.takenAt() ?? 0) / 1000);
  gauge("podrole_draining", () => (unready()?.code === "DRAINING" ? 1 : 0));
  gauge("podrole_build_info").set({ version }, 1);
  processMetrics(registry);

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
    countReload: tls.countReload,
    countRefused: () => refused.inc(),
    countRefusedClient: () => refusedClients.inc(),
    text: () => registry.metrics(),
  };
}

function factsMetrics(registry: Registry, { followed = () => [], now = () => 0 }: MetricsDeps): void {
  const { gauge } = makers(registry);
  labelled(gauge("podrole_facts_objects"), () =>
    followed().map(({ resource, objects }) => [{ resource }, objects]),
  );
  labelled(gauge("podrole_facts_age_seconds"), () =>
    followed().map(({ resource, heardAt }) => [{ resource }, Math.max(0, now() - heardAt) / 1000]),
  );
}

function tlsMetrics(registry: Registry, { tls }: MetricsDeps): Pick<Metrics, "countReload"> {
  const { counter, gauge } = makers(registry);
  gauge("podrole_tls_serving_not_after_timestamp_seconds", () => (tls?.().servingNotAfter ?? 0) / 1000);
  gauge("podrole_tls_ca_not_after_timestamp_seconds", () => (tls?.().caNotAfter ?? 0) / 1000);
  labelled(gauge("podrole_tls_trouble"), () => codeOf(tls?.().trouble));
  const reloads = counter("podrole_tls_reloads_total");
  return { countReload: () => reloads.inc() };
}

type Series<L extends string> = readonly (readonly [Record<L, string>, number])[];

const codeOf = (trouble: Trouble | undefined): Series<"code"> =>
  trouble === undefined ? [] : [[{ code: trouble.code }, 1]];

/** A gauge with series that are read at every scrape. A series that is not read any more is gone. */
function labelled<L extends string>(level: Gauge<L>, read: () => Series<L>): void {
  Object.assign(level, {
    collect: () => {
      level.reset();
      for (const [labels, value] of read()) level.set(labels, value);
    },
  });
}

/** The first finding of each kind: a manifest may have a hundred thousand of one kind. */
const distinct = (findings: readonly Finding[]): Iterable<Finding> =>
  new Map(findings.map((one) => [`${one.code} ${one.severity}`, one])).values();

/**
 * Not the library's default metrics: they are four dozen series, with a timer every 10 ms and an observer of each garbage
 * collection. The names are those that dashboards know.
 */
function processMetrics(registry: Registry): void {
  const { counter, gauge } = makers(registry);
  counter("process_cpu_seconds_total", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge("process_start_time_seconds").set(Math.round(performance.timeOrigin / 1000));
  gauge("process_resident_memory_bytes", () => process.memoryUsage.rss());
  gauge("nodejs_heap_size_used_bytes", () => process.memoryUsage().heapUsed);
  let since = performance.eventLoopUtilization();
  gauge("nodejs_eventloop_utilization_ratio", () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, since);
    since = now;
    return utilization;
  });
}

type Table = typeof METRICS;
type Named<Type> = { [N in keyof Table]: Table[N]["type"] extends Type ? N : never }[keyof Table];
type LabelsOf<N extends keyof Table> = Extract<keyof Table[N]["labels"], string>;

/** Makes metrics by their name in the table. @param read is called at every scrape */
function makers(registry: Registry) {
  const described = <N extends keyof Table>(name: N) => ({
    name,
    help: METRICS[name].help,
    labelNames: Object.keys(METRICS[name].labels) as LabelsOf<N>[],
    registers: [registry],
  });
  return {
    counter: <N extends Named<"counter">>(name: N, read?: () => number): Counter<LabelsOf<N>> => {
      const total: Counter<LabelsOf<N>> = new Counter({
        ...described(name),
        ...(read && {
          collect: () => {
            total.reset();
            total.inc(read());
          },
        }),
      });
      return total;
    },
    gauge: <N extends Named<"gauge">>(name: N, read?: () => number): Gauge<LabelsOf<N>> => {
      const level: Gauge<LabelsOf<N>> = new Gauge({
        ...described(name),
        ...(read && { collect: () => level.set(read()) }),
      });
      return level;
    },
    histogram: <N extends Named<"histogram">>(name: N): Histogram<LabelsOf<N>> =>
      new Histogram({ ...described(name), buckets: DURATION_BUCKETS }),
  };
}
