import { brokerMetrics } from "../../../injector/broker/metrics.ts";
import { controllerMetrics } from "../../../injector/controller/metrics.ts";
import { injectorMetrics } from "../../../injector/serve/metrics.ts";
import { createMetrics } from "../../../sidecar/wire/metrics.ts";
import { SESSION } from "../../injector/broker/broker-rig.ts";
import { sessionPlan } from "../../support/session-plan.ts";
import { decided } from "../../injector/serve/decisions.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const version = "1.2.3";
const TROUBLE = { code: "FACTS_UNAVAILABLE", message: "", remedy: "" };

/** What Prometheus scrapes, with the labels that the Prometheus operator gives by the chart's monitors. */
export interface Target {
  readonly labels: Readonly<Record<string, string>>;
  /** Called at each scrape; something has happened since the one before. */
  readonly text: () => string | Promise<string>;
}

const server = (isHealthy: boolean) => ({
  version,
  synced: () => isHealthy,
  now: () => Date.now(),
  followed: () => [{ resource: "namespaces", objects: 3, heardAt: Date.now() - 2000 }],
  unready: () => (isHealthy ? undefined : TROUBLE),
  tls: () => ({
    unready: undefined,
    trouble: undefined,
    servingNotAfter: Date.now() + (isHealthy ? 60 : 1) * DAY_MS,
    caNotAfter: Date.now() + 700 * DAY_MS,
  }),
});

/** Pods are injected, and nothing is denied. */
function injector(isHealthy: boolean): Target["text"] {
  const metrics = injectorMetrics(server(isHealthy));
  return () => {
    metrics.observe(decided({ guard: "block" }));
    return metrics.text();
  };
}

function broker(isHealthy: boolean): Target["text"] {
  const metrics = brokerMetrics({
    ...server(isHealthy),
    callsPerSecond: () => 100,
    heldSessions: () => 12,
    identity: { arn: () => undefined, expiresAt: () => Date.now() + 6 * HOUR_MS },
  });
  return () => {
    metrics.countReview("accepted");
    metrics.observeCall("Success", 40);
    metrics.observeAnswer(200, 60);
    for (const kind of ["made", "given"] as const)
      metrics.observe({ kind, plan: sessionPlan(), session: SESSION });
    return metrics.text();
  };
}

function sidecar(guard: "block" | "verify", isHealthy: boolean): Target["text"] {
  const metrics = createMetrics();
  return () => {
    metrics.countSts("Success");
    return metrics.text({
      expiresAt: { pod: isHealthy ? Date.now() + HOUR_MS : undefined },
      guard,
      imdsReachable: !isHealthy,
      imdsUnproven: guard === "verify" ? !isHealthy : undefined,
    });
  };
}

/** Of Kubernetes' API server, by the names in its own reference. It has called the webhook and checked a policy. */
function apiServer(isHealthy: boolean): Target["text"] {
  let failed = 0;
  return () => {
    failed += isHealthy ? 0 : 1;
    const lines = [
      'apiserver_admission_webhook_admission_duration_seconds_count{name="pods.podrole.dev",operation="CREATE",rejected="false",type="admit"} 9',
      'apiserver_validating_admission_policy_check_total{enforcement_action="allow",error_type="no_error",policy="podrole",policy_binding="podrole"} 9',
      // There is no series until a call has failed.
      ...(isHealthy
        ? []
        : [
            `apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",name="pods.podrole.dev",operation="CREATE",rejection_code="0",type="admit"} ${failed}`,
          ]),
    ];
    return `${lines.join("\n")}\n`;
  };
}

const SYSTEM = { namespace: "podrole-system" };

/** Two replicas of injector and broker, a controller, two pods with a sidecar, and the API server. */
export const installation = (isHealthy: boolean): readonly Target[] => [
  ...["a", "b"].flatMap((one): readonly Target[] => [
    {
      labels: { job: "podrole-injector", pod: `podrole-injector-${one}`, ...SYSTEM },
      text: injector(isHealthy),
    },
    {
      labels: { job: "podrole-system/podrole-broker", pod: `podrole-broker-${one}`, ...SYSTEM },
      text: broker(isHealthy),
    },
  ]),
  {
    labels: { job: "podrole-system/podrole-controller", pod: "podrole-controller-a", ...SYSTEM },
    text: controllerMetrics(version, () => []).text,
  },
  ...(["block", "verify"] as const).map((guard): Target => ({
    labels: { job: "podrole-system/podrole-sidecar", namespace: "shop", pod: `web-${guard}` },
    text: sidecar(guard, isHealthy),
  })),
  { labels: { job: "apiserver" }, text: apiServer(isHealthy) },
];
