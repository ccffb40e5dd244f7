import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { BROKER_METRICS } from "../../injector/broker/metrics-table.ts";
import { CONTROLLER_METRICS } from "../../injector/controller/metrics.ts";
import { METRICS as INJECTOR_METRICS } from "../../injector/serve/metrics-table.ts";
import { createMetrics } from "../../sidecar/wire/metrics.ts";

const read = (path: string): string => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");

const METRICS = { ...INJECTOR_METRICS, ...CONTROLLER_METRICS, ...BROKER_METRICS };
/** Metrics of the API server and of Prometheus itself. */
const OTHERS = new Set([
  "up",
  "apiserver_admission_webhook_admission_duration_seconds_count",
  "apiserver_admission_webhook_rejection_count",
  "apiserver_validating_admission_policy_check_total",
]);
const WORDS = new Set([
  "sum",
  "rate",
  "increase",
  "min",
  "max",
  "by",
  "on",
  "and",
  "or",
  "unless",
  "label_replace",
  "last_over_time",
  "max_over_time",
  "absent",
  "histogram_quantile",
  "time",
  "count",
]);

/** Names in an expression that are neither functions nor labels. */
function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\b(?:by|on) \([^)]*\)/g, "");
  return [...bare.matchAll(/[a-z_]{2,}/gi)].map(([name]) => name).filter((name) => !WORDS.has(name));
}

const ours = new Set<string>([
  ...Object.entries(METRICS).flatMap(([name, { type }]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
  ...[
    ...createMetrics()
      .text({ expiresAt: { pod: 1 }, guard: "verify", imdsReachable: false, imdsUnproven: false })
      .matchAll(/^# TYPE (\S+)/gm),
  ].map(([, name]) => name ?? ""),
]);
/** Labels of a target or of the operator, which every metric has besides its own. */
const LABELS = new Set(["job", "pod", "namespace", "le"]);
const labelsIn = (expr: string): readonly string[] => [
  ...[...expr.matchAll(/[{,]\s*(\w+)=/g)].map(([, name]) => name ?? ""),
  ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names]) => (names ?? "").split(/,\s*/)),
];
const unknownLabelsIn = (expr: string): readonly string[] => {
  const metrics = metricsIn(expr).map((name) => name.replace(/_(?:bucket|sum|count)$/, ""));
  // There is no table of labels for the sidecar and the API server.
  if (!metrics.every((name) => Object.hasOwn(METRICS, name))) return [];
  const known = new Set(metrics.flatMap((name) => Object.keys(METRICS[name as keyof typeof METRICS].labels)));
  return labelsIn(expr).filter((label) => !LABELS.has(label) && !known.has(label));
};
const unknownIn = (expr: string): readonly string[] =>
  metricsIn(expr).filter((name) => !ours.has(name) && !OTHERS.has(name));

describe("alerts", () => {
  const alerts = parse(read("chart/files/alerts.yaml")) as readonly Record<string, string>[];

  test.for(alerts.map((one) => [one["alert"] ?? "", one] as const))(
    "%s uses only metrics that exist",
    ([, { expr }]) => {
      expect(metricsIn(expr ?? "").length).toBeGreaterThan(0);
      expect(unknownIn(expr ?? "")).toEqual([]);
      expect(unknownLabelsIn(expr ?? "")).toEqual([]);
    },
  );

  test("each have a section with their name in the troubleshooting page", () => {
    const headings = [...read("docs/troubleshooting.md").matchAll(/^#+ (\w+)$/gm)].map(([, name]) => name);
    for (const { alert } of alerts) expect(headings).toContain(alert);
  });
});

describe("the dashboard", () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly description?: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly {
      readonly expr: string;
      readonly refId: string;
      readonly legendFormat: string;
    }[];
    readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
    /** Of a row that is collapsed. */
    readonly panels?: readonly Panel[];
  }
  const dashboard = JSON.parse(read("chart/files/dashboard.json")) as {
    readonly panels: readonly Panel[];
    readonly schemaVersion: number;
    readonly templating: { readonly list: readonly { readonly name: string }[] };
  };
  const all = dashboard.panels.flatMap((one) => [one, ...(one.panels ?? [])]);
  const graphs = all.filter(({ type }) => type !== "row");
  const exprs = graphs.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  test("can be imported by Grafana: panels have unique ids, and do not overlap or leave the grid", () => {
    expect(dashboard.schemaVersion).toBeGreaterThan(30);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const cells = all.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(all.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });

  test("asks first whether podrole works now", () => {
    const [first, ...others] = dashboard.panels.toSorted((a, b) => a.gridPos.y - b.gridPos.y);
    expect(first).toMatchObject({ type: "row", title: "Is it working now?", collapsed: false });
    const next = others.findIndex(({ type }) => type === "row");
    expect(new Set(others.slice(0, next).map(({ type }) => type))).toEqual(new Set(["stat"]));
  });

  test("says of each panel what it shows, in which unit, and of each line what it is", () => {
    for (const { title, description, fieldConfig, targets = [] } of graphs) {
      expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/./)]);
      expect([title, description]).toEqual([title, expect.stringMatching(/\.$/)]);
      expect(targets.filter(({ legendFormat }) => legendFormat === "")).toEqual([]);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
    expect(new Set(graphs.map(({ title }) => title)).size).toBe(graphs.length);
  });

  test("has titles that fit on their panels", () => {
    // A column is 55 pixels wide on a screen of 1400, and a character about 7.5.
    const tooLong = graphs.filter(({ title, gridPos: { w } }) => title.length > (w * 55) / 7.5);
    expect(tooLong.map(({ title }) => title)).toEqual([]);
  });

  test("uses every variable that it has, and has every one that it uses", () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const used = [...JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g)].map(([, name]) => name ?? "");
    const own = new Set(used.filter((name) => !name.startsWith("__")));
    expect([...own].toSorted()).toEqual(names.toSorted());
  });

  test("queries only metrics that exist", () => {
    expect(exprs.length).toBeGreaterThan(10);
    expect(exprs.flatMap(unknownIn)).toEqual([]);
    expect(exprs.flatMap(unknownLabelsIn)).toEqual([]);
  });
});
