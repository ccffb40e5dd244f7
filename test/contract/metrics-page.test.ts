import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DURATION_BUCKETS, METRICS } from "../../injector/serve/metrics-table.ts";
import { BROKER_DURATION_BUCKETS, BROKER_METRICS } from "../../injector/broker/metrics-table.ts";
import { CONTROLLER_METRICS } from "../../injector/controller/metrics.ts";
import { HEALTH_PORT } from "../../sidecar/contract/pod.ts";
import { sidecarMetrics } from "../support/sidecar-metrics.ts";

const INTRODUCTION = `# Metrics

This page is generated from the tables that the code uses: \`npx vitest run --config test/vitest.config.ts test/contract/metrics-page.test.ts -u\`.

## Of the injector

\`GET /metrics\` of the webhook's port serves them as Prometheus text, over TLS. No label holds a name that a tenant can choose, so the
number of series is limited. Dry runs are not counted.
`;

const OF_CONTROLLER = `## Of the controller

\`GET /metrics\` of its port 8080 (\`controller.port\`) serves them as Prometheus text, over HTTP. They hold no secret.
`;

const OF_BROKER = `## Of the broker

\`GET /metrics\` of its port 8080 (\`broker.healthPort\`) serves them as Prometheus text, over HTTP. They hold no secret, and no label holds a name
that a tenant can choose.
`;

const OF_SIDECARS = `## Of a sidecar

\`GET /metrics\` of the pod's port ${HEALTH_PORT} (\`healthPort\`) serves them as Prometheus text, over HTTP. They hold no secret. Prometheus
needs the chart's PodMonitor (\`podMonitor.enabled\`) or your own scrape configuration. It must not leave out pods in phase \`Pending\`: a pod
that waits for its first credentials is in it.
`;

const IDENTITY = "`pod`, or `container/` and the name of a container with its own role";

/** The meaning of each label of the sidecar; a metric has at most one. */
const LABELS: Readonly<Record<string, string>> = {
  podrole_credentials_held: IDENTITY,
  podrole_credentials_expiry_timestamp_seconds: IDENTITY,
  podrole_sts_requests_total: "`Success`, STS's code, or podrole's code if the call did not reach STS",
  podrole_credential_requests_total: "the HTTP status",
  podrole_imds_requests_total: "the HTTP status",
  podrole_guard_info: "`block` or `verify`; `off` in a pod without a guard",
};

const section = (name: string, about: string, rows: readonly string[]): string =>
  [
    `### ${name}`,
    "",
    about,
    "",
    ...(rows.length === 0 ? [] : ["| Label | What it holds |", "|---|---|", ...rows, ""]),
  ].join("\n");

interface Metric {
  readonly type: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
}

const sectionsOf = (
  metrics: Readonly<Record<string, Metric>>,
  buckets: readonly number[],
): readonly string[] => Object.entries(metrics).map((metric) => sectionOf(metric, buckets));

function sectionOf(
  [name, { type, help, labels }]: readonly [string, Metric],
  bounds: readonly number[],
): string {
  const buckets = type === "histogram" ? `\n\nBuckets, in seconds: ${bounds.join(", ")}.` : "";
  const rows = Object.entries(labels).map(([label, holds]) => `| \`${label}\` | ${holds} |`);
  return section(name, `A ${type}. ${help}${buckets}`, rows);
}

/** The page as it follows from the tables of metrics. */
function page(): string {
  const ofInjector = sectionsOf(METRICS, DURATION_BUCKETS);
  const ofController = sectionsOf(CONTROLLER_METRICS, []);
  const ofBroker = sectionsOf(BROKER_METRICS, BROKER_DURATION_BUCKETS);
  const ofSidecars = sidecarMetrics().map(({ name, type, help, label }) =>
    section(
      name,
      `A ${type}. ${help}`,
      label === undefined ? [] : [`| \`${label}\` | ${LABELS[name] ?? ""} |`],
    ),
  );
  return [
    INTRODUCTION,
    ...ofInjector,
    OF_CONTROLLER,
    ...ofController,
    OF_BROKER,
    ...ofBroker,
    OF_SIDECARS,
    ...ofSidecars,
  ].join("\n");
}

test("deploy/reference/metrics.md lists every metric of the code", async () => {
  const file = new URL("../../deploy/reference/metrics.md", import.meta.url);
  await expect(page()).toMatchFileSnapshot(fileURLToPath(file));
});

test("exactly the labels of the sidecar's metrics are explained", () => {
  const labelled = sidecarMetrics().filter(({ label }) => label !== undefined);
  expect(labelled.map(({ name }) => name).toSorted()).toEqual(Object.keys(LABELS).toSorted());
  expect(sidecarMetrics().length).toBeGreaterThan(labelled.length);
});
