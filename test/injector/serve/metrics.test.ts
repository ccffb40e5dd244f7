import { describe, expect, test } from "vitest";
import { parseReview } from "../../../injector/review/admission-review.ts";
import { finding } from "../../../injector/model/findings.ts";
import { injectorMetrics, type Metrics, type MetricsDeps } from "../../../injector/serve/metrics.ts";
import { METRICS, RESOURCES } from "../../../injector/serve/metrics-table.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { concerns, resultForReview } from "../../../injector/review/review.ts";
import { buildServer } from "../../../injector/serve/server.ts";
import { config } from "../../support/config.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { silent } from "../../support/log-lines.ts";
import { FRESH, injected, plainPod, pod } from "../../support/pods.ts";
import { postObject, reviewText } from "../../support/webhook.ts";
import { decided, denied, guardOff, HOST_PID, wouldDeny } from "./decisions.ts";

const metricsOf = (synced = true): Metrics => injectorMetrics({ version: "1.2.3", synced: () => synced });

/** The scraped samples of one metric, including `_bucket`, `_sum` and `_count` of a histogram. */
async function samples(metrics: Metrics, name: string): Promise<readonly string[]> {
  const lines = (await metrics.text()).split("\n");
  return lines.filter((line) => line.startsWith(name));
}

describe("a decision", () => {
  test("is counted by result, reason and resource", async () => {
    const metrics = metricsOf();
    metrics.observe(decided());
    metrics.observe(decided());
    metrics.observe(decided({ decision: "skip", reason: "mirror-pod" }));
    metrics.observe(denied([...guardOff(), HOST_PID]));
    metrics.observe(decided({ decision: "allow" }, { resource: "apps/deployments", operation: "UPDATE" }));
    expect(await samples(metrics, "podrole_admission_requests_total")).toEqual([
      'podrole_admission_requests_total{decision="inject",reason="",resource="pods",operation="CREATE"} 2',
      'podrole_admission_requests_total{decision="skip",reason="mirror-pod",resource="pods",operation="CREATE"} 1',
      'podrole_admission_requests_total{decision="deny",reason="HOST_NAMESPACE",resource="pods",operation="CREATE"} 1',
      'podrole_admission_requests_total{decision="allow",reason="",resource="apps/deployments",operation="UPDATE"} 1',
    ]);
  });

  test("is timed in seconds, in buckets from half a millisecond", async () => {
    const metrics = metricsOf();
    metrics.observe(decided());
    const lines = await samples(metrics, "podrole_admission_duration_seconds");
    expect(lines[0]).toBe('podrole_admission_duration_seconds_bucket{le="0.0005"} 0');
    expect(lines[1]).toBe('podrole_admission_duration_seconds_bucket{le="0.001"} 1');
    expect(lines).toContain("podrole_admission_duration_seconds_sum 0.0008");
    expect(lines).toContain("podrole_admission_duration_seconds_count 1");
  });

  test("counts each of its findings once, with the severity in that decision", async () => {
    const metrics = metricsOf();
    metrics.observe(denied([HOST_PID, HOST_PID, ...guardOff()]));
    const warned = { ...HOST_PID, severity: "warn" } as const;
    metrics.observe(decided({ findings: [warned] }, { resource: "apps/deployments" }));
    expect(await samples(metrics, "podrole_findings_total")).toEqual([
      'podrole_findings_total{code="HOST_NAMESPACE",severity="deny"} 1',
      'podrole_findings_total{code="GUARD_OFF",severity="warn"} 1',
      'podrole_findings_total{code="HOST_NAMESPACE",severity="warn"} 1',
    ]);
  });

  test("that mode enforce would deny is counted for pods but not for workloads", async () => {
    const metrics = metricsOf();
    expect(await samples(metrics, "podrole_audit_would_deny_total")).toEqual([
      "podrole_audit_would_deny_total 0",
    ]);
    metrics.observe(decided({ findings: [wouldDeny(), wouldDeny()] }));
    metrics.observe(decided({ findings: [wouldDeny()] }, { resource: "apps/deployments" }));
    expect(await samples(metrics, "podrole_audit_would_deny_total")).toEqual([
      "podrole_audit_would_deny_total 1",
    ]);
  });

  test("that changes a new pod is counted by the mode of its guard, once for a pod that comes twice", async () => {
    const metrics = metricsOf();
    const review = (object: unknown, over = {}) =>
      parseReview(JSON.parse(reviewText(JSON.stringify(object), over)));
    const observe = (object: unknown, guard: string, over = {}): void => {
      const asked = review(object, over);
      const known = facts({ annotations: { [ANNOTATION.guard]: guard } });
      metrics.observe({ review: asked, result: resultForReview(asked, known, config(), FRESH), ms: 1 });
    };
    for (const guard of ["block", "verify", "off"]) observe(pod(), guard);
    observe(plainPod(), "verify");
    observe(plainPod(), "off");
    observe(injected(pod()), "block");
    observe(pod(), "block", { dryRun: true });
    observe(pod({ hostPID: true }), "verify");
    observe({ spec: { template: pod() } }, "verify", {
      resource: { group: "apps", version: "v1", resource: "deployments" },
    });
    expect(await samples(metrics, "podrole_guards_injected_total")).toEqual([
      'podrole_guards_injected_total{mode="block"} 1',
      'podrole_guards_injected_total{mode="verify"} 2',
      'podrole_guards_injected_total{mode="off"} 1',
    ]);
  });

  test("about a dry run is not counted", async () => {
    const metrics = metricsOf();
    metrics.observe(denied([HOST_PID], { dryRun: true }));
    expect(await samples(metrics, "podrole_admission_requests_total")).toEqual([]);
    expect(await samples(metrics, "podrole_admission_duration_seconds_count")).toEqual([
      "podrole_admission_duration_seconds_count 0",
    ]);
  });
});

describe("series", () => {
  test("are limited in number for any reviews, and name no tenant", async () => {
    const metrics = metricsOf();
    for (let n = 0; n < 200; n += 1) {
      const review = { resource: `x${n}/y`, operation: `OP${n}`, namespace: `ns-${n}`, username: `u${n}` };
      metrics.observe(denied([finding("ROLE_NOT_ALLOWED", `Role r${n}.`, `Ask ${n}.`)], review));
    }
    expect(await samples(metrics, "podrole_admission_requests_total")).toEqual([
      'podrole_admission_requests_total{decision="deny",reason="ROLE_NOT_ALLOWED",resource="other",operation="other"} 200',
    ]);
    expect(await metrics.text()).not.toMatch(/ns-|Role r|u1/);
  });

  test("exist for every resource that podrole decides about", () => {
    const about = (resource: string, operation: string): boolean => {
      const [group = "", plural = "", subResource = ""] = resource.split("/");
      const over = { resource: { group, version: "v1", resource: plural }, subResource, operation };
      return concerns(parseReview(JSON.parse(reviewText("{}", over))));
    };
    expect([...RESOURCES].filter((one) => !about(one, "CREATE") && !about(one, "UPDATE"))).toEqual([]);
  });
});

test.for([
  [true, "podrole_facts_synced 1"],
  [false, "podrole_facts_synced 0"],
] as const)("every scrape reads whether the cluster has been read: %s", async ([synced, line]) => {
  expect(await samples(metricsOf(synced), "podrole_facts_synced")).toEqual([line]);
});

describe("at every scrape", () => {
  const table = (over: Partial<MetricsDeps>): Metrics =>
    injectorMetrics({ version: "1.2.3", synced: () => true, now: () => 100_000, ...over });

  test("the age and the number of each kind of fact are read", async () => {
    const metrics = table({
      followed: () => [
        { resource: "namespaces", objects: 7, heardAt: 58_000 },
        { resource: "rolegrants", objects: 0, heardAt: 100_500 },
      ],
    });
    expect(await samples(metrics, "podrole_facts_age_seconds")).toEqual([
      'podrole_facts_age_seconds{resource="namespaces"} 42',
      'podrole_facts_age_seconds{resource="rolegrants"} 0',
    ]);
    expect(await samples(metrics, "podrole_facts_objects")).toEqual([
      'podrole_facts_objects{resource="namespaces"} 7',
      'podrole_facts_objects{resource="rolegrants"} 0',
    ]);
  });

  test("the reason for being unready has a series, which is absent when ready", async () => {
    let code: string | undefined = "DRAINING";
    const metrics = table({ unready: () => (code === undefined ? undefined : { code, message: "" }) });
    expect(await samples(metrics, "podrole_unready")).toEqual(['podrole_unready{code="DRAINING"} 1']);
    expect(await samples(metrics, "podrole_draining")).toEqual(["podrole_draining 1"]);
    code = "TLS_NOT_VALID";
    expect(await samples(metrics, "podrole_unready")).toEqual(['podrole_unready{code="TLS_NOT_VALID"} 1']);
    expect(await samples(metrics, "podrole_draining")).toEqual(["podrole_draining 0"]);
    code = undefined;
    expect(await samples(metrics, "podrole_unready")).toEqual([]);
  });

  test("the reason why newer settings are not in force is shown, and since when the current ones are", async () => {
    const trouble = { code: "CONFIG_INVALID", message: "" };
    const refusing = table({ config: { refused: () => trouble, takenAt: () => 42_000 } });
    expect(await samples(refusing, "podrole_settings_refused")).toEqual([
      'podrole_settings_refused{code="CONFIG_INVALID"} 1',
    ]);
    expect(await samples(refusing, "podrole_settings_taken_timestamp_seconds")).toEqual([
      "podrole_settings_taken_timestamp_seconds 42",
    ]);
    const none = table({ config: { refused: () => undefined, takenAt: () => undefined } });
    expect(await samples(none, "podrole_settings_refused")).toEqual([]);
    expect(await samples(none, "podrole_settings_taken_timestamp_seconds")).toEqual([
      "podrole_settings_taken_timestamp_seconds 0",
    ]);
  });

  test("the certificates' expiry, problems and number of changes are shown", async () => {
    const metrics = table({
      tls: () => ({
        unready: undefined,
        trouble: { code: "TLS_SECRET_FORBIDDEN", message: "" },
        servingNotAfter: 1_800_000_000_000,
        caNotAfter: undefined,
      }),
    });
    metrics.countReload();
    metrics.countRefused();
    const text = await metrics.text();
    for (const line of [
      "podrole_tls_serving_not_after_timestamp_seconds 1800000000",
      "podrole_tls_ca_not_after_timestamp_seconds 0",
      'podrole_tls_trouble{code="TLS_SECRET_FORBIDDEN"} 1',
      "podrole_tls_reloads_total 1",
      "podrole_connections_refused_total 1",
    ])
      expect(text.split("\n")).toContain(line);
  });
});

test("the metrics of version and process are exposed", async () => {
  const metrics = metricsOf();
  expect(await samples(metrics, "podrole_build_info")).toEqual(['podrole_build_info{version="1.2.3"} 1']);
  const value = async (name: string): Promise<number> =>
    Number((await samples(metrics, name))[0]?.split(" ")[1]);
  const cpu = await value("process_cpu_seconds_total");
  expect(cpu).toBeGreaterThan(0);
  expect(await value("process_cpu_seconds_total"), "asked twice, not added up").toBeLessThan(cpu * 2);
  expect(await value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
  expect(await value("nodejs_heap_size_used_bytes")).toBeGreaterThan(1e6);
  expect(await value("process_start_time_seconds")).toBeGreaterThan(1.7e9);
  expect(await value("nodejs_eventloop_utilization_ratio")).toBeLessThanOrEqual(1);
});

test("every metric of the table is exposed with its type and help, and no other", async () => {
  const text = await metricsOf().text();
  const exposed = text.split("\n").filter((line) => line.startsWith("# "));
  const table = Object.entries(METRICS).flatMap(([name, { help, type }]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
  ]);
  expect(new Set(exposed)).toEqual(new Set(table));
});

test("two injectors in one process count separately", async () => {
  const [one, other] = [metricsOf(), metricsOf()];
  one.observe(decided());
  expect(await samples(other, "podrole_admission_requests_total")).toEqual([]);
});

test("the server exposes the webhook's decisions at /metrics", async () => {
  const metrics = metricsOf();
  await postObject(pod({ hostPID: true }), { observe: metrics.observe });
  const app = buildServer({
    config: () => config(),
    cluster: clusterOf(facts()),
    fresh: FRESH,
    log: silent,
    metrics: metrics.text,
  });
  const { statusCode, headers, body } = await app.inject({ url: "/metrics" });
  await app.close();
  expect(statusCode).toBe(200);
  expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(body).toContain('{decision="deny",reason="HOST_NAMESPACE",resource="pods",operation="CREATE"} 1');
});
