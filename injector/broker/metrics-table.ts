import type { MetricSpec } from "../http/metric-makers.ts";
import { SERVER_METRICS } from "../http/server-metrics.ts";

/** Every metric of the broker. The registry and the reference page are made from this table. */
export const BROKER_METRICS = {
  podrole_broker_sessions_total: {
    type: "counter",
    help: "Sessions that STS made, and how often a session was given to a pod.",
    labels: {
      outcome:
        "`made`: by STS, also if nobody waits for it any more; `given`: in an answer to a pod. More are given than made where sidecars were started again, where pods share sessions, and while STS does not answer",
    },
  },
  podrole_broker_refusals_total: {
    type: "counter",
    help: "Requests for a session that were refused.",
    labels: {
      code: "such as `ROLE_NOT_ALLOWED` or `POD_GONE`, or STS's code; `other` for a code of an odd form",
    },
  },
  podrole_broker_request_duration_seconds: {
    type: "histogram",
    help: "Time from the headers of a request to its answer.",
    labels: {},
  },
  podrole_broker_token_reviews_total: {
    type: "counter",
    help: "TokenReviews that the API server was asked for. A token that it accepts is remembered for a minute at most.",
    labels: { outcome: "`accepted`, `refused`, or `failed` if there was no answer" },
  },
  podrole_broker_sts_requests_total: {
    type: "counter",
    help: "Calls to STS.",
    labels: { code: "`Success`, STS's code, or podrole's code if the call did not reach STS" },
  },
  podrole_broker_sts_duration_seconds: {
    type: "histogram",
    help: "Time that a call to STS took, whatever its end.",
    labels: {},
  },
  podrole_broker_sts_calls_per_second: {
    type: "gauge",
    help: "The rate that this replica keeps to. It is halved when STS throttles, and grows back to --sts-calls-per-second within a minute.",
    labels: {},
  },
  podrole_broker_queue_length: {
    type: "gauge",
    help: "Sessions that wait for their turn to be made.",
    labels: {},
  },
  podrole_broker_held_sessions: {
    type: "gauge",
    help: "Sessions in memory.",
    labels: {},
  },
  podrole_broker_identity_expiry_timestamp_seconds: {
    type: "gauge",
    help: "Unix time at which the broker's own AWS keys expire, or have expired if they could not be renewed; 0 if there were none yet, or if nobody knows when they end.",
    labels: {},
  },
  podrole_broker_identity_info: {
    type: "gauge",
    help: "Always 1. No series until STS has told whose keys they are.",
    labels: { arn: "of the broker's own AWS identity, as `GetCallerIdentity` tells it" },
  },
  podrole_lookups_refused_total: {
    type: "counter",
    help: "Requests that were refused because their namespace was not in memory as a labelled one and too many such were asked for.",
    labels: {},
  },
  ...SERVER_METRICS,
} as const satisfies Record<string, MetricSpec>;

/** Seconds. A held session takes milliseconds, an STS call some hundred, and who waits longest is told to come again after eight seconds. */
export const BROKER_DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Findings, refusals of the broker and STS's codes are of this form. */
const CODE = /^[A-Za-z][\w.]{0,63}$/;

export const codeLabel = (code: string): string => (CODE.test(code) ? code : "other");
