import { spawnSync } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { brokerMetrics } from "../../injector/broker/metrics.ts";
import { ownIdentity } from "../../injector/broker/own-identity.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { credentials } from "../support/credentials.ts";
import { HOUR, MINUTE, SECOND, unreachable } from "../support/engine-rig.ts";
import { handClock } from "../support/hand-clock.ts";
import { silent } from "../support/log-lines.ts";
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
  broker: { enabled: true, identity: { type: "node" } },
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  grafanaDashboard: { enabled: true },
};

interface Series {
  readonly series: string;
  readonly values: string;
}
const TOOK = { status: 0, stderr: "" };

/** What promtool says of alerts for Prometheus's answers, one in 30 seconds. */
function tried(rules: string, input_series: readonly Series[], alert_rule_test: readonly object[]): object {
  const tests = [{ interval: "30s", input_series, alert_rule_test }];
  const file = tempFile(
    JSON.stringify({ rule_files: [rules], evaluation_interval: "30s", tests }),
    "tests.yaml",
  );
  const { status, stderr } = spawnSync(PROMTOOL ?? "", ["test", "rules", file], { encoding: "utf8" });
  return { status, stderr };
}

/** A replica as the Prometheus operator names the targets of the chart's PodMonitor. */
const BROKER = 'job="podrole-system/podrole-broker",namespace="podrole-system",pod="podrole-broker-a"';
const ofBroker = (name: string, values: string, labels = ""): Series => ({
  series: `podrole_broker_${name}{${BROKER}${labels}}`,
  values,
});
/** Promtool's time begins at 0, so this is an identity that ends in an hour and is renewed. */
const HEALTHY: readonly Series[] = [
  ofBroker("identity_expiry_timestamp_seconds", "3600+30x80"),
  ofBroker("sts_requests_total", "0+60x80", ',code="Success"'),
  ofBroker("sts_requests_total", "0+1x80", ',code="AccessDenied"'),
  ofBroker("refusals_total", "0+1x80", ',code="ROLE_NOT_ALLOWED"'),
  ofBroker("refusals_total", "0+60x80", ',code="BROKER_BUSY"'),
  ofBroker("queue_length", "90x80"),
];
const POD = { pod: "podrole-broker-a" };

/**
 * What a broker says of its identity for 130 minutes, every 30 seconds: of an hour from 0 on, because STS does not answer until two hours
 * have passed.
 */
async function recordedExpiry(): Promise<string> {
  const clock = handClock(0);
  const issue = async (): Promise<Credentials> => {
    const issuedAt = clock.now();
    if (issuedAt > 0 && issuedAt < 2 * HOUR) throw unreachable;
    return credentials({ issuedAt, expiresAt: issuedAt + HOUR });
  };
  const identity = ownIdentity({
    source: { kind: "renewed", issue },
    askArn: async () => "arn:aws:sts::123456789012:assumed-role/podrole-broker/x",
    clock,
    random: () => 0.5,
    log: silent,
  });
  const metrics = brokerMetrics({ version: "1.2.3", synced: () => true, identity });
  identity.start();
  onTestFinished(() => identity.stop());
  const values: string[] = [];
  for (; clock.now() < 130 * MINUTE; await clock.advance(30 * SECOND)) {
    await clock.advance(0);
    const [, value = "_"] =
      /^podrole_broker_identity_expiry_timestamp_seconds (.*)$/m.exec(await metrics.text()) ?? [];
    values.push(value);
  }
  return values.join(" ");
}
const BROKERS: readonly (readonly [
  when: string,
  alert: string,
  series: readonly Series[],
  labels: Readonly<Record<string, string>>,
])[] = [
  [
    "where no replica of the broker answers",
    "PodroleBrokerDown",
    [{ series: `up{${BROKER}}`, values: "1x9 0x70" }],
    {},
  ],
  [
    "of a broker whose CA was lost",
    "PodroleBrokerCaLost",
    [{ series: 'podrole_controller_broker_ca_lost_total{pod="podrole-controller-a"}', values: "0x9 1x70" }],
    {},
  ],
  [
    "of a broker without an identity",
    "PodroleBrokerIdentityMissing",
    [{ series: `podrole_unready{${BROKER},code="BROKER_IDENTITY_UNAVAILABLE"}`, values: "1x80" }],
    POD,
  ],
  [
    "of a broker whose identity is not renewed",
    "PodroleBrokerIdentityExpiring",
    [ofBroker("identity_expiry_timestamp_seconds", "2700x80")],
    POD,
  ],
  [
    "where most calls to STS fail",
    "PodroleBrokerStsFailing",
    [
      // The other replica's calls, which are all answered, do not hide them.
      {
        series: 'podrole_broker_sts_requests_total{pod="podrole-broker-b",code="Success"}',
        values: "0+9x80",
      },
      ofBroker("sts_requests_total", "0+1x80", ',code="Success"'),
      ofBroker("sts_requests_total", "0+2x80", ',code="STS_UNREACHABLE"'),
    ],
    POD,
  ],
  [
    "where STS throttles",
    "PodroleBrokerThrottled",
    [
      ofBroker("sts_requests_total", "0+90x80", ',code="Success"'),
      ofBroker("sts_requests_total", "0+1x80", ',code="ThrottlingException"'),
    ],
    {},
  ],
  [
    "where brokers refuse much, by the code",
    "PodroleBrokerRefusing",
    [ofBroker("refusals_total", "0+6x80", ',code="ROLE_NOT_ALLOWED"')],
    { code: "ROLE_NOT_ALLOWED" },
  ],
  ["of a broker with a long queue", "PodroleBrokerBusy", [ofBroker("queue_length", "101x80")], POD],
];

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
        expect(
          tried(rules, series, [
            at("9m"),
            at("11m", "waits"),
            at("24m", "waits"),
            at("29m", "expired", "waits"),
          ]),
        ).toEqual(TOOK);
      },
    );

    test.skipIf(PROMTOOL === undefined)(
      `alerts of credentials that end without a break, and not of a deleted pod${PROMTOOL ? "" : ": no promtool"}`,
      () => {
        const { spec } = ofKind(rendered(MONITORED), "PrometheusRule");
        // Every 30 seconds, of a session that ends after an hour; that of the last pod is renewed in the last minute.
        const pods = {
          expired: { expiry: "3600x119 0x60", held: "1x119 0x60", up: "1x180" },
          deleted: { expiry: "3600x97 _x82", held: "1x97 _x82", up: "1x97 _x82" },
          renewed: { expiry: "3600x118 7200x61", held: "1x180", up: "1x180" },
        };
        const series = Object.entries(pods).flatMap(([pod, { expiry, held, up }]) => {
          const labels = `namespace="shop",pod="${pod}",instance="10.0.0.1:16926"`;
          return [
            {
              series: `podrole_credentials_expiry_timestamp_seconds{${labels},identity="pod"}`,
              values: expiry,
            },
            { series: `podrole_credentials_held{${labels},identity="pod"}`, values: held },
            { series: `up{${labels}}`, values: up },
          ];
        });
        const at = (minutes: number, alertname: string, more: object, ...names: readonly string[]) => ({
          eval_time: `${minutes}m`,
          alertname,
          exp_alerts: names.map((pod) => ({
            exp_labels: { severity: "critical", namespace: "shop", pod, ...more },
            exp_annotations: spec.groups[0].rules.find(({ alert }: { alert: string }) => alert === alertname)
              .annotations,
          })),
        });
        const [ending, missing] = ["PodroleCredentialsExpiring", "PodroleCredentialsMissing"];
        const identity = { instance: "10.0.0.1:16926", identity: "pod" };
        const rules = tempFile(JSON.stringify(spec), "rules.yaml");
        expect(
          tried(rules, series, [
            at(49, ending, {}),
            at(55, ending, {}, "expired", "renewed"),
            at(61, ending, {}, "expired"),
            at(61, missing, identity),
            at(71, ending, {}, "expired"),
            at(71, missing, identity, "expired"),
            at(80, ending, {}),
          ]),
        ).toEqual(TOOK);
      },
    );

    test.skipIf(PROMTOOL === undefined).for(BROKERS)(
      `alerts %s${PROMTOOL ? "" : ": no promtool"}`,
      ([, alertname, series, labels]) => {
        const { spec } = ofKind(rendered(MONITORED), "PrometheusRule");
        const rules = tempFile(JSON.stringify(spec), "rules.yaml");
        const rule = spec.groups[0].rules.find(({ alert }: { alert: string }) => alert === alertname);
        const found = { exp_labels: { ...rule.labels, ...labels }, exp_annotations: rule.annotations };
        const healthy = [{ series: `up{${BROKER}}`, values: "1x80" }, ...HEALTHY];
        const firing = [{ eval_time: "39m", alertname, exp_alerts: [found] }];
        const quiet = [{ eval_time: "39m", alertname, exp_alerts: [] }];
        expect(tried(rules, series, firing)).toEqual(TOOK);
        expect(tried(rules, healthy, quiet)).toEqual(TOOK);
      },
    );

    test.skipIf(PROMTOOL === undefined)(
      `alerts of a broker whose identity is not renewed until it is, also when it has ended${PROMTOOL ? "" : ": no promtool"}`,
      async () => {
        const { spec } = ofKind(rendered(MONITORED), "PrometheusRule");
        const rules = tempFile(JSON.stringify(spec), "rules.yaml");
        const alertname = "PodroleBrokerIdentityExpiring";
        const rule = spec.groups[0].rules.find(({ alert }: { alert: string }) => alert === alertname);
        const found = { exp_labels: { ...rule.labels, ...POD }, exp_annotations: rule.annotations };
        const at = (minutes: number, ...exp_alerts: readonly object[]) => ({
          eval_time: `${minutes}m`,
          alertname,
          exp_alerts,
        });
        const series = ofBroker("identity_expiry_timestamp_seconds", await recordedExpiry());
        expect(
          tried(rules, [series], [at(49), at(55, found), at(65, found), at(115, found), at(123)]),
        ).toEqual(TOOK);
      },
    );

    test.skipIf(PROMTOOL === undefined)(
      `alerts of what any policy refuses, but for podrole-exec${PROMTOOL ? "" : ": no promtool"}`,
      () => {
        const objects = rendered({ ...MONITORED, metadataNetworkPolicy: { labelled: true } });
        const alertname = "PodrolePolicyDenied";
        const { spec } = ofKind(objects, "PrometheusRule");
        const rules = tempFile(JSON.stringify(spec), "rules.yaml");
        const { labels, annotations } = spec.groups[0].rules.find(
          ({ alert }: { alert: string }) => alert === alertname,
        );
        const policies = objects.filter((one) => one?.kind === "ValidatingAdmissionPolicy");
        expect(policies.length).toBeGreaterThan(5);
        for (const { metadata } of policies) {
          const { name } = metadata;
          const exp_alerts =
            name === "podrole-exec" ? [] : [{ exp_labels: labels, exp_annotations: annotations }];
          const series = `apiserver_validating_admission_policy_check_total{policy="${name}",enforcement_action="deny"}`;
          const answer = tried(
            rules,
            [{ series, values: "0x9 1x10" }],
            [{ eval_time: "6m", alertname, exp_alerts }],
          );
          expect({ name, ...answer }).toEqual({ name, ...TOOK });
        }
      },
    );

    test("has alerts of the broker only where there is one", () => {
      const alertsWith = (values: object): readonly string[] =>
        ofKind(rendered(values), "PrometheusRule").spec.groups[0].rules.map(
          ({ alert }: { alert: string }) => alert,
        );
      const without = alertsWith({ ...MONITORED, broker: { enabled: false } });
      expect(without).toContain("PodroleInjectorDown");
      expect(without.filter((alert) => alert.startsWith("PodroleBroker"))).toEqual([]);
      const all = alertsWith(MONITORED);
      expect(new Set(BROKERS.map(([, alert]) => alert))).toEqual(
        new Set(all.filter((alert) => alert.startsWith("PodroleBroker"))),
      );
      expect(all.filter((alert) => !alert.startsWith("PodroleBroker"))).toEqual(without);
    });

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
