import { Registry } from "prom-client";
import { labelled, metricMakers } from "../http/metric-makers.ts";
import { serverMetrics, type ServerMetrics, type ServerMetricsDeps } from "../http/server-metrics.ts";
import type { SessionEvent } from "./broker.ts";
import { BROKER_DURATION_BUCKETS, BROKER_METRICS, codeLabel } from "./metrics-table.ts";
import type { ReviewOutcome } from "./token-review.ts";

export interface BrokerMetrics extends ServerMetrics {
  readonly observe: (event: SessionEvent) => void;
  /** Counts an answer's time, in milliseconds. */
  readonly observeAnswer: (status: number, ms: number) => void;
  readonly countReview: (outcome: ReviewOutcome) => void;
  /** Counts a call to STS with its code, and its time in milliseconds. */
  readonly observeCall: (code: string, ms: number) => void;
  /** Everything, in the Prometheus text format. */
  readonly text: () => Promise<string>;
}

export interface BrokerMetricsDeps extends ServerMetricsDeps {
  readonly refusedLookUps?: () => number;
  readonly queueLength?: () => number;
  readonly callsPerSecond?: () => number;
  readonly heldSessions?: () => number;
  readonly identity?: {
    readonly arn: () => string | undefined;
    /** In milliseconds since the epoch. */
    readonly expiresAt: () => number | undefined;
  };
}

/** The broker's metrics, on their own registry. */
export function brokerMetrics(deps: BrokerMetricsDeps): BrokerMetrics {
  const registry = new Registry();
  const { counter, gauge, histogram } = metricMakers(BROKER_METRICS, registry);
  const sessions = counter("podrole_broker_sessions_total");
  const refusals = counter("podrole_broker_refusals_total");
  const answers = histogram("podrole_broker_request_duration_seconds", BROKER_DURATION_BUCKETS);
  const reviews = counter("podrole_broker_token_reviews_total");
  const calls = counter("podrole_broker_sts_requests_total");
  const durations = histogram("podrole_broker_sts_duration_seconds", BROKER_DURATION_BUCKETS);
  gauge("podrole_broker_sts_calls_per_second", () => deps.callsPerSecond?.() ?? 0);
  gauge("podrole_broker_queue_length", () => deps.queueLength?.() ?? 0);
  gauge("podrole_broker_held_sessions", () => deps.heldSessions?.() ?? 0);
  gauge("podrole_broker_identity_expiry_timestamp_seconds", () => (deps.identity?.expiresAt() ?? 0) / 1000);
  labelled(gauge("podrole_broker_identity_info"), () => {
    const arn = deps.identity?.arn();
    return arn === undefined ? [] : [[{ arn }, 1]];
  });
  counter("podrole_lookups_refused_total", () => deps.refusedLookUps?.() ?? 0);
  const ofServer = serverMetrics(registry, deps);
  return {
    observe: (event) => {
      if (event.kind === "refused") refusals.inc({ code: codeLabel(event.error.code) });
      else sessions.inc({ outcome: event.kind });
    },
    observeAnswer: (_, ms) => answers.observe(ms / 1000),
    countReview: (outcome) => reviews.inc({ outcome }),
    observeCall: (code, ms) => {
      calls.inc({ code: codeLabel(code) });
      durations.observe(ms / 1000);
    },
    ...ofServer,
    text: () => registry.metrics(),
  };
}
