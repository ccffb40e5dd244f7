import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { tempFile } from "../support/temp-files.ts";
import { executableOnPath } from "../support/executable.ts";
import { ofKind, rendered, whyNoHelm } from "../support/helm.ts";

const reason = whyNoHelm();
interface Relabeling {
  readonly action?: string;
  readonly regex: string;
  readonly replacement?: string;
}
const PROMTOOL = executableOnPath("promtool");
/** Prometheus's answers, one in 30 seconds, by what the sidecar of a pod did meanwhile; `_` where it gave no answer. */
const SIDECARS = {
  waits: { held: "0 _x19 0 _x38", up: "1 0x19 1 0x38" },
  startedSlowly: { held: "0 0 0 1x57", up: "1x60" },
  // No target any more.
  deleted: { held: "0 _x59", up: "1 _x59" },
  expired: { held: "1x29 0x29", up: "1x58" },
  healthy: { held: "1x59", up: "1x59" },
};
const MONITORED = {
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  grafanaDashboard: { enabled: true },
};

describe.skipIf(reason !== undefined)(
  `what the chart has for monitoring${reason ? `: ${reason}` : ""}`,
  () => {
    test("ends each alert in a runbook under the base URL", () => {
      const runbookBaseUrl = "https://docs.example/podrole/";
      const rule = ofKind(rendered({ prometheusRule: { enabled: true, runbookBaseUrl } }), "PrometheusRule");
      for (const { alert, annotations } of rule.spec.groups[0].rules) {
        const anchor = alert.toLowerCase();
        expect(annotations.runbook_url).toBe(`https://docs.example/podrole/troubleshooting.md#${anchor}`);
      }
    });

    test.skipIf(PROMTOOL === undefined)(
      `has alerts that promtool takes${PROMTOOL ? "" : ": no promtool"}`,
      () => {
        const { spec } = ofKind(rendered(MONITORED), "PrometheusRule");
        const file = tempFile(JSON.stringify(spec), "rules.yaml");
        const { status, stdout, stderr } = spawnSync(PROMTOOL ?? "", ["check", "rules", file], {
          encoding: "utf8",
        });
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        expect(stdout).toContain(`SUCCESS: ${spec.groups[0].rules.length} rules found`);
      },
    );

    test.skipIf(PROMTOOL === undefined)(
      `alerts of a pod that waits for credentials, though most scrapes miss it${PROMTOOL ? "" : ": no promtool"}`,
      () => {
        const { spec } = ofKind(rendered(MONITORED), "PrometheusRule");
        const series = Object.entries(SIDECARS).flatMap(([pod, { held, up }]) => {
          const labels = `namespace="shop",pod="${pod}",instance="10.0.0.1:16926"`;
          return [
            { series: `podrole_credentials_held{${labels},identity="pod"}`, values: held },
            { series: `up{${labels}}`, values: up },
          ];
        });
        const alertname = "PodroleCredentialsMissing";
        const at = (eval_time: string, ...pods: readonly string[]) => ({
          eval_time,
          alertname,
          exp_alerts: pods.map((pod) => ({
            exp_labels: {
              severity: "critical",
              namespace: "shop",
              pod,
              instance: "10.0.0.1:16926",
              identity: "pod",
            },
            exp_annotations: spec.groups[0].rules.find(({ alert }: { alert: string }) => alert === alertname)
              .annotations,
          })),
        });
        const rules = tempFile(JSON.stringify(spec), "rules.yaml");
        const tests = {
          rule_files: [rules],
          evaluation_interval: "30s",
          tests: [
            {
              interval: "30s",
              input_series: series,
              alert_rule_test: [
                at("9m"),
                at("11m", "waits"),
                at("24m", "waits"),
                at("29m", "expired", "waits"),
              ],
            },
          ],
        };
        const file = tempFile(JSON.stringify(tests), "tests.yaml");
        const { status, stderr } = spawnSync(PROMTOOL ?? "", ["test", "rules", file], { encoding: "utf8" });
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      },
    );

    test.for([
      ["10.1.2.3", "10.1.2.3:20001"],
      ["fd00::7", "[fd00::7]:20001"],
    ] as const)("finds only the sidecar of the pod with address %s at %s", ([address, target]) => {
      const { spec } = ofKind(
        rendered({ podMonitor: { enabled: true }, options: { healthPort: 20_001 } }),
        "PodMonitor",
      );
      const [{ relabelings }] = spec.podMetricsEndpoints;
      const [keep, ...replacing]: readonly Relabeling[] = relabelings;
      expect(keep).toMatchObject({ action: "keep", regex: CONTAINER.sidecar });
      // As in Prometheus, the whole text has to match.
      const found = replacing.flatMap(({ regex, replacement = "" }) => {
        const match = new RegExp(`^(?:${regex})$`).exec(address);
        return match === null ? [] : [replacement.replace("$1", match[1] ?? "")];
      });
      expect(found).toEqual([target]);
    });

    test("ships the dashboard as JSON that Grafana's sidecar finds", () => {
      const { metadata, data } = rendered(MONITORED).find((one) => one.metadata.name === "podrole-dashboard");
      expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
      expect(JSON.parse(data["podrole.json"])).toMatchObject({ title: "podrole" });
    });
  },
);
