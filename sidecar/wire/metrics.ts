import type { GuardMode } from "../contract/env.ts";

/** The sidecar's metrics. Labels are codes and names of containers, never names of pods or roles. */
export interface Metrics {
  readonly countSts: (code: string) => void;
  readonly countAnswer: (status: number) => void;
  /** An answer of the metadata endpoint. */
  readonly countImds: (status: number) => void;
  /** The text of `/metrics`, in the Prometheus text format 0.0.4. */
  readonly text: (now: Gauges) => string;
}

interface Gauges {
  /** By identity: milliseconds since the epoch, or undefined while none are held. */
  readonly expiresAt: Readonly<Record<string, number | undefined>>;
  /** Undefined in a pod without a guard. */
  readonly guard: GuardMode | undefined;
  /** Undefined where nothing is checked, and while it is not known. */
  readonly imdsReachable: boolean | undefined;
  /** Undefined except in guard mode `verify`, and before the first result. */
  readonly imdsUnproven: boolean | undefined;
}

export function createMetrics(): Metrics {
  const sts = new Map<string, number>();
  const answers = new Map<string, number>();
  const imds = new Map<string, number>();
  return {
    countSts: (code) => increment(sts, code),
    countAnswer: (status) => increment(answers, String(status)),
    countImds: (status) => increment(imds, String(status)),
    text: ({ expiresAt, guard, imdsReachable, imdsUnproven }) =>
      [
        family(
          "podrole_credentials_held",
          "gauge",
          "1 while credentials are held that have not expired, else 0: also while the pod waits for its first ones.",
          Object.entries(expiresAt).map(([name, at]) => [`{identity="${name}"}`, at === undefined ? 0 : 1]),
        ),
        family(
          "podrole_credentials_expiry_timestamp_seconds",
          "gauge",
          "Unix time at which the credentials expire; 0 if there are none.",
          Object.entries(expiresAt).map(([name, at]) => [
            `{identity="${name}"}`,
            Math.floor((at ?? 0) / 1000),
          ]),
        ),
        family(
          "podrole_sts_requests_total",
          "counter",
          "Calls to STS by outcome; in source broker, to the broker.",
          byCode(sts),
        ),
        family(
          "podrole_credential_requests_total",
          "counter",
          "Answers to the pod's programs by HTTP status.",
          byCode(answers),
        ),
        imds.size === 0
          ? ""
          : family(
              "podrole_imds_requests_total",
              "counter",
              "Answers of the pod's own metadata endpoint by HTTP status.",
              byCode(imds),
            ),
        family("podrole_guard_info", "gauge", "Always 1, with the mode of the pod's guard.", [
          [`{mode="${guard ?? "off"}"}`, 1],
        ]),
        imdsReachable === undefined
          ? ""
          : family(
              "podrole_imds_reachable",
              "gauge",
              "1 while the metadata service answers the pod despite the guard. The sidecar then withholds credentials.",
              [["", imdsReachable ? 1 : 0]],
            ),
        imdsUnproven === undefined
          ? ""
          : family(
              "podrole_imds_unproven",
              "gauge",
              "Only in guard mode verify: 1 while the last check proved neither that the metadata service is out of reach nor that it answers. The sidecar serves for five minutes after its last proof, and not before its first.",
              [["", imdsUnproven ? 1 : 0]],
            ),
      ].join(""),
  };
}

const increment = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

type Sample = readonly [labels: string, value: number];

const byCode = (counts: ReadonlyMap<string, number>): readonly Sample[] =>
  [...counts].map(([code, count]) => [`{code="${code.replaceAll(/[^\w.-]/g, "_")}"}`, count]);

function family(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}
