import type { CaFacts } from "../tls/state.ts";
import { madeAt } from "./broker-bundle.ts";
import type { BrokerCas, BrokerObserver } from "./broker-observer.ts";
import type { PolicyCounts } from "./keep-metadata-policies.ts";
import type { Action } from "./plan.ts";
import type { Task } from "./task.ts";

interface MetricSpec {
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** Each label with what it holds. */
  readonly labels: Readonly<Record<string, string>>;
}

const BROKER_CA_LABEL =
  "`served` (of the certificate that the broker has), `current` (of the next certificate) or `next` (which signs nothing yet)";

/** Every metric of the controller. What it serves and the reference page are made from this table. */
export const CONTROLLER_METRICS = {
  podrole_controller_trouble: {
    type: "gauge",
    help: "1 with the reason why a task fails. Otherwise no series.",
    labels: {
      task: "`certificates`, `settings`, `grant-status`, `metadata-policies` or `broker-certificates`",
      code: "such as `TLS_SECRET_FORBIDDEN`; the log has the sentence and the remedy",
    },
  },
  podrole_tls_actions_total: {
    type: "counter",
    help: "Changes to the Secret and to the webhook configuration, by kind.",
    labels: {
      action:
        "`announce` (a first CA), `issue` (a serving certificate), `add-next` (the next CA), `switch` (to the next CA), `drop-previous`, `patch` (a caBundle)",
    },
  },
  podrole_metadata_policies: {
    type: "gauge",
    help: "Labelled namespaces by the state of their NetworkPolicy against the metadata service, if the controller keeps them.",
    labels: {
      state:
        "`kept`, `foreign` (another owner has one of the same name, with other rules) or `refused` (by the API server)",
    },
  },
  podrole_controller_broker_actions_total: {
    type: "counter",
    help: "Changes to the broker's CA and certificate and to the setting brokerCa, by kind, if the controller keeps them.",
    labels: {
      action:
        "`create` (a CA), `publish` (brokerCa), `issue` (a serving certificate), `add-next` (the next CA) or `switch` (to the next CA)",
    },
  },
  podrole_controller_broker_ca_lost_total: {
    type: "counter",
    help: "How often the broker got a CA that no pod trusts yet, though there was another: pods made before need a restart.",
    labels: {},
  },
  podrole_controller_broker_ca_made_timestamp_seconds: {
    type: "gauge",
    help: "When a CA of the broker was made, Unix time. Pods of source broker that are older do not trust it.",
    labels: { ca: BROKER_CA_LABEL },
  },
  podrole_controller_broker_ca_not_after_timestamp_seconds: {
    type: "gauge",
    help: "End of a CA of the broker, Unix time. The next CA takes its place 60 days before.",
    labels: { ca: BROKER_CA_LABEL },
  },
  podrole_build_info: { type: "gauge", help: "Always 1.", labels: { version: "of podrole" } },
  process_cpu_seconds_total: { type: "counter", help: "CPU time spent, user and system.", labels: {} },
  process_start_time_seconds: { type: "gauge", help: "Start of the process, Unix time.", labels: {} },
  process_resident_memory_bytes: { type: "gauge", help: "Resident memory.", labels: {} },
} as const satisfies Record<string, MetricSpec>;

export interface ControllerMetrics {
  readonly countAction: (action: Action["do"]) => void;
  readonly countPolicies: (counts: PolicyCounts) => void;
  readonly broker: BrokerObserver;
  /** Everything, in the Prometheus text format. */
  readonly text: () => string;
}

type Series = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

export function controllerMetrics(version: string, tasks: () => readonly Task[]): ControllerMetrics {
  const actions = new Map<Action["do"], number>();
  const brokerActions = new Map<string, number>();
  let policies: Partial<PolicyCounts> = {};
  let brokerCas: BrokerCas | undefined;
  let brokerLosses = 0;
  const ofBrokerCas = (value: (ca: CaFacts) => number | undefined): Series =>
    Object.entries(brokerCas ?? {}).flatMap(([ca, facts]: [string, CaFacts]) => {
      const ms = value(facts);
      return ms === undefined ? [] : [[{ ca }, Math.round(ms / 1000)] as const];
    });
  const read: Readonly<Record<keyof typeof CONTROLLER_METRICS, () => Series>> = {
    podrole_controller_trouble: () =>
      tasks().flatMap((task) => {
        const trouble = task.trouble();
        return trouble === undefined ? [] : [[{ task: task.name, code: trouble.code }, 1] as const];
      }),
    podrole_tls_actions_total: () => [...actions].map(([action, count]) => [{ action }, count] as const),
    podrole_metadata_policies: () =>
      Object.entries(policies).map(([state, count]) => [{ state }, count] as const),
    podrole_controller_broker_actions_total: () =>
      [...brokerActions].map(([action, count]) => [{ action }, count] as const),
    // None where the controller does not keep them.
    podrole_controller_broker_ca_lost_total: () => (brokerCas === undefined ? [] : [[{}, brokerLosses]]),
    podrole_controller_broker_ca_made_timestamp_seconds: () => ofBrokerCas(({ pem }) => madeAt(pem)),
    podrole_controller_broker_ca_not_after_timestamp_seconds: () => ofBrokerCas(({ notAfter }) => notAfter),
    podrole_build_info: () => [[{ version }, 1]],
    process_cpu_seconds_total: () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    },
    process_start_time_seconds: () => [[{}, Math.round(performance.timeOrigin / 1000)]],
    process_resident_memory_bytes: () => [[{}, process.memoryUsage.rss()]],
  };
  return {
    countAction: (action) => count(actions, action),
    countPolicies: (counts) => void (policies = counts),
    broker: {
      action: (action) => count(brokerActions, action),
      cas: (cas) => void (brokerCas = cas),
      lost: () => void (brokerLosses += 1),
    },
    text: () =>
      Object.entries(CONTROLLER_METRICS)
        .map(([name, { type, help }]) => {
          const series = read[name as keyof typeof CONTROLLER_METRICS]();
          const lines = series.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
          return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
        })
        .join(""),
  };
}

const count = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** Values are codes, names of tasks and a version: none needs to be escaped. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
