import { expect, test } from "vitest";
import { healthAnswer } from "../../../sidecar/wire/health.ts";
import { createMetrics } from "../../../sidecar/wire/metrics.ts";

const deps = { notReady: () => "AccessDenied", metrics: () => "text" };

test("the health endpoint is alive whatever STS says", () => {
  expect(healthAnswer("GET", "/healthz", deps)).toMatchObject({ status: 200 });
});

test("the health endpoint is ready only when credentials can be served, and else shows the reason", () => {
  expect(healthAnswer("GET", "/readyz", deps)).toMatchObject({ status: 503, body: "AccessDenied\n" });
  expect(healthAnswer("GET", "/readyz?verbose", { ...deps, notReady: () => undefined }).status).toBe(200);
});

test("the health endpoint serves nothing else", () => {
  expect(healthAnswer("GET", "/v1/credentials", deps).status).toBe(404);
  expect(healthAnswer("POST", "/readyz", deps).status).toBe(405);
});

test("the health endpoint writes metrics in Prometheus's text format", () => {
  const metrics = createMetrics();
  metrics.countSts("Success");
  metrics.countSts("Success");
  metrics.countSts('Odd"\n');
  metrics.countAnswer(503);
  expect(
    metrics.text({
      expiresAt: { pod: 1_795_240_438_999, "container/app": undefined },
      guard: "verify",
      imdsReachable: true,
      imdsUnproven: false,
    }),
  ).toBe(
    [
      "# HELP podrole_credentials_held 1 while credentials are held that have not expired, else 0: also while the pod waits for its first ones.",
      "# TYPE podrole_credentials_held gauge",
      'podrole_credentials_held{identity="pod"} 1',
      'podrole_credentials_held{identity="container/app"} 0',
      "# HELP podrole_credentials_expiry_timestamp_seconds Unix time at which the credentials expire; 0 if there are none.",
      "# TYPE podrole_credentials_expiry_timestamp_seconds gauge",
      'podrole_credentials_expiry_timestamp_seconds{identity="pod"} 1795240438',
      'podrole_credentials_expiry_timestamp_seconds{identity="container/app"} 0',
      "# HELP podrole_sts_requests_total Calls to STS by outcome; in source broker, to the broker.",
      "# TYPE podrole_sts_requests_total counter",
      'podrole_sts_requests_total{code="Success"} 2',
      'podrole_sts_requests_total{code="Odd__"} 1',
      "# HELP podrole_credential_requests_total Answers to the pod's programs by HTTP status.",
      "# TYPE podrole_credential_requests_total counter",
      'podrole_credential_requests_total{code="503"} 1',
      "# HELP podrole_guard_info Always 1, with the mode of the pod's guard.",
      "# TYPE podrole_guard_info gauge",
      'podrole_guard_info{mode="verify"} 1',
      "# HELP podrole_imds_reachable 1 while the metadata service answers the pod despite the guard. The sidecar then withholds credentials.",
      "# TYPE podrole_imds_reachable gauge",
      "podrole_imds_reachable 1",
      "# HELP podrole_imds_unproven Only in guard mode verify: 1 while the last check proved neither that the metadata service is out of reach nor that it answers. The sidecar serves for five minutes after its last proof, and not before its first.",
      "# TYPE podrole_imds_unproven gauge",
      "podrole_imds_unproven 0",
      "",
    ].join("\n"),
  );
});

test("the health endpoint has no metric of the metadata service when nothing is checked", () => {
  const text = createMetrics().text({
    expiresAt: { pod: undefined },
    guard: undefined,
    imdsReachable: undefined,
    imdsUnproven: undefined,
  });
  expect(text).toContain('podrole_credentials_expiry_timestamp_seconds{identity="pod"} 0\n');
  expect(text).not.toContain("podrole_imds_");
  expect(text).toContain('podrole_guard_info{mode="off"} 1\n');
});
