import { expect, test } from "vitest";
import { brokerMetrics } from "../../../injector/broker/metrics.ts";
import { BROKER_METRICS } from "../../../injector/broker/metrics-table.ts";
import { sessionPlan } from "../../support/session-plan.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { rig, SESSION } from "./broker-rig.ts";

const scraped = async (metrics: ReturnType<typeof brokerMetrics>): Promise<readonly string[]> =>
  (await metrics.text()).split("\n");

test("metrics are those of the table, each with its type and help, and no other", async () => {
  const heads = (await scraped(brokerMetrics({ version: "1.2.3", synced: () => true }))).filter((line) =>
    line.startsWith("# "),
  );
  const table = Object.entries(BROKER_METRICS).flatMap(([name, { help, type }]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
  ]);
  expect(heads.toSorted()).toEqual(table.toSorted());
});

test("sessions and refusals are counted by how they end, without a name that a tenant chooses", async () => {
  const metrics = brokerMetrics({ version: "1.2.3", synced: () => true });
  const { ask } = rig({ observe: metrics.observe });
  metrics.observe({ kind: "made", plan: sessionPlan(), session: SESSION });
  await ask();
  await ask();
  await ask({ body: "" }).catch(() => undefined);
  for (const code of ["AccessDenied", "odd\n", "x".repeat(100)])
    metrics.observe({ kind: "refused", error: new IssueError(code, "", { kind: "definite" }), address: "" });
  const lines = await scraped(metrics);
  expect(lines.filter((line) => /^podrole_broker_(?:sessions|refusals)/.test(line))).toEqual([
    'podrole_broker_sessions_total{outcome="made"} 1',
    'podrole_broker_sessions_total{outcome="given"} 2',
    'podrole_broker_refusals_total{code="REQUEST_INVALID"} 1',
    'podrole_broker_refusals_total{code="AccessDenied"} 1',
    'podrole_broker_refusals_total{code="other"} 2',
  ]);
  expect(lines.join("\n")).not.toContain("shop");
});

test("calls, reviews and the broker's own identity are told", async () => {
  const metrics = brokerMetrics({
    version: "1.2.3",
    synced: () => true,
    queueLength: () => 3,
    heldSessions: () => 4,
    callsPerSecond: () => 200,
    refusedLookUps: () => 5,
    identity: { arn: () => "arn:aws:sts::1:assumed-role/b/x", expiresAt: () => 5000 },
  });
  metrics.countReview("accepted");
  metrics.observeCall("Success", 100);
  metrics.observeAnswer(200, 20);
  metrics.countReload();
  metrics.countRefused();
  const lines = await scraped(metrics);
  for (const line of [
    'podrole_broker_token_reviews_total{outcome="accepted"} 1',
    'podrole_broker_sts_requests_total{code="Success"} 1',
    'podrole_broker_sts_duration_seconds_bucket{le="0.1"} 1',
    "podrole_broker_request_duration_seconds_count 1",
    "podrole_broker_queue_length 3",
    "podrole_broker_held_sessions 4",
    "podrole_broker_sts_calls_per_second 200",
    "podrole_broker_identity_expiry_timestamp_seconds 5",
    'podrole_broker_identity_info{arn="arn:aws:sts::1:assumed-role/b/x"} 1',
    "podrole_lookups_refused_total 5",
    "podrole_tls_reloads_total 1",
    "podrole_connections_refused_total 1",
    'podrole_build_info{version="1.2.3"} 1',
  ])
    expect(lines).toContain(line);
});
