import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ChartOption {
  /** The path of the value, such as `tls.mode`. */
  readonly at: string;
  /** A value other than the default. */
  readonly value: unknown;
  /** The injector's flag for this value. */
  readonly argument: string;
}

/** Every option of the injector's process that a chart value sets, by its flag. */
export const CHART_OPTIONS: Readonly<Record<string, ChartOption>> = {
  "--host": { at: "host", value: "0.0.0.0", argument: "--host=0.0.0.0" },
  "--port": { at: "port", value: 10_250, argument: "--port=10250" },
  "--log-level": { at: "logLevel", value: "debug", argument: "--log-level=debug" },
  "--drain-seconds": { at: "drainSeconds", value: 5, argument: "--drain-seconds=5" },
  "--tls": { at: "tls.mode", value: "cert-manager", argument: "--tls=files" },
  "--tls-cert": { at: "tls.mode", value: "cert-manager", argument: "--tls-cert=/tls/tls.crt" },
  "--tls-key": { at: "tls.mode", value: "cert-manager", argument: "--tls-key=/tls/tls.key" },
  "--tls-secret": { at: "tls.secretName", value: "other", argument: "--tls-secret=other" },
  "--client-ca": {
    at: "tls.clientCa",
    value: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    argument: "--client-ca=/client-ca/ca.crt",
  },
  "--tls-min-version": { at: "tls.minVersion", value: "1.2", argument: "--tls-min-version=1.2" },
};

/** Options that the chart sets itself, and why. */
export const NO_VALUES: Readonly<Record<string, string>> = {
  "--service": "the name of the chart's own Service",
  "--namespace": "that of the release, which the injector finds by itself",
  "--kubeconfig": "the pod's service account is used",
  "--config-map": "the name of the chart's own",
  "--config": "the ConfigMap is used",
};

/** The chart's values for flags of the broker's process. */
export const BROKER_VALUES: Readonly<Record<string, string>> = {
  "--host": "host",
  "--port": "broker.port",
  "--health-port": "broker.healthPort",
  "--log-level": "logLevel",
  "--drain-seconds": "drainSeconds",
  "--identity": "broker.identity.type",
  "--sts-calls-per-second": "broker.stsCallsPerSecond",
  "--exclude-namespaces": "webhook.excludeNamespaces",
};

const MAIN = fileURLToPath(new URL("../../injector/main.ts", import.meta.url));

/** The injector's flags in `--help`. The arguments before it are parsed first. */
export function injectorFlags(args: readonly string[] = []): readonly string[] {
  const help = execFileSync(process.execPath, [MAIN, ...args, "--help"], { encoding: "utf8" });
  const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag ?? "");
  return flags.filter((flag) => flag !== "--help" && flag !== "--version");
}

/** `{ a: { b: value } }` for `a.b`. */
export const valuesAt = (at: string, value: unknown): object =>
  at.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
