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
