import type { Registry } from "prom-client";
import type { Trouble } from "../model/trouble.ts";
import type { TlsSourceState } from "../tls/source.ts";
import { labelled, metricMakers, type MetricSpec, type Series } from "./metric-makers.ts";

/** The metrics that a server of ours has, whatever it answers. Its table contains them. */
export const SERVER_METRICS = {
  podrole_facts_synced: {
    type: "gauge",
    help: "1 when namespaces, grants and whatever else decisions rest on have been read. It stays 1 while the API server is down.",
    labels: {},
  },
  podrole_facts_objects: {
    type: "gauge",
    help: "Objects of each kind that are held in memory.",
    labels: {
      resource: "`namespaces` and `rolegrants`; of the injector also `serviceaccounts` and `limitranges`",
    },
  },
  podrole_facts_age_seconds: {
    type: "gauge",
    help: "Time since the last news of each kind from the API server, or since the start if there was none. Up to 120 is usual if nothing changes. Over 300, decisions use old facts.",
    labels: { resource: "as above" },
  },
  podrole_unready: {
    type: "gauge",
    help: "1 with the reason why /readyz answers 503. No series if it answers 200.",
    labels: {
      code: "`DRAINING`, `FACTS_UNAVAILABLE`, or why there are no settings, no valid certificate or, at the broker, no AWS identity of its own",
    },
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

export interface ServerMetricsDeps {
  readonly version: string;
  /** Whether the cluster has been read. */
  readonly synced: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How each kind of object is followed; `heardAt` is in milliseconds since the epoch. */
  readonly followed?: () => readonly {
    readonly resource: string;
    readonly objects: number;
    readonly heardAt: number;
  }[];
  /** State of the certificate; absent when there is none. */
  readonly tls?: () => TlsSourceState;
  /** Why the server is not ready, or undefined. */
  readonly unready?: () => Trouble | undefined;
  readonly config?: {
    readonly refused: () => Trouble | undefined;
    readonly takenAt: () => number | undefined;
  };
}

export interface ServerMetrics {
  /** Counts a certificate taken into service. */
  readonly countReload: () => void;
  /** Counts a connection that was closed because there are too many. */
  readonly countRefused: () => void;
}

export function serverMetrics(registry: Registry, deps: ServerMetricsDeps): ServerMetrics {
  const { version, synced, now = () => 0, followed = () => [], tls, unready = () => undefined } = deps;
  const { counter, gauge } = metricMakers(SERVER_METRICS, registry);
  gauge("podrole_facts_synced", () => (synced() ? 1 : 0));
  labelled(gauge("podrole_facts_objects"), () =>
    followed().map(({ resource, objects }) => [{ resource }, objects]),
  );
  labelled(gauge("podrole_facts_age_seconds"), () =>
    followed().map(({ resource, heardAt }) => [{ resource }, Math.max(0, now() - heardAt) / 1000]),
  );
  labelled(gauge("podrole_unready"), () => codeOf(unready()));
  labelled(gauge("podrole_settings_refused"), () => codeOf(deps.config?.refused()));
  gauge("podrole_settings_taken_timestamp_seconds", () => (deps.config?.takenAt() ?? 0) / 1000);
  gauge("podrole_draining", () => (unready()?.code === "DRAINING" ? 1 : 0));
  gauge("podrole_tls_serving_not_after_timestamp_seconds", () => (tls?.().servingNotAfter ?? 0) / 1000);
  gauge("podrole_tls_ca_not_after_timestamp_seconds", () => (tls?.().caNotAfter ?? 0) / 1000);
  labelled(gauge("podrole_tls_trouble"), () => codeOf(tls?.().trouble));
  const reloads = counter("podrole_tls_reloads_total");
  const refused = counter("podrole_connections_refused_total");
  processMetrics(registry, version);
  return { countReload: () => reloads.inc(), countRefused: () => refused.inc() };
}

const codeOf = (trouble: Trouble | undefined): Series<"code"> =>
  trouble === undefined ? [] : [[{ code: trouble.code }, 1]];

/**
 * Not the library's default metrics: they are four dozen series, with a timer every 10 ms and an observer of each garbage
 * collection. The names are those that dashboards know.
 */
function processMetrics(registry: Registry, version: string): void {
  const { counter, gauge } = metricMakers(SERVER_METRICS, registry);
  gauge("podrole_build_info").set({ version }, 1);
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
