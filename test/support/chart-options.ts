import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A value of the chart that is not its default, and the injector's argument that it becomes. */
export interface ChartOption {
  /** Of the value, such as `options.image`. */
  readonly at: string;
  readonly value: unknown;
  readonly argument: string;
}

const ROLE = "arn:aws:iam::111122223333:role/";
const KEY = "a.example/b";

export const CERTIFICATE_HEAD = "-----BEGIN CERTIFICATE-----";

/** Every option of the injector that the chart's values set, by its flag. */
export const CHART_OPTIONS: Readonly<Record<string, ChartOption>> = {
  ...Object.fromEntries(
    (
      [
        ["image", "r.example/p@sha256:0"],
        ["imagePullPolicy", "Always"],
        ["source", "node"],
        ["sourceOverride", ["node", "web-identity"]],
        ["policy", "enforce"],
        ["guard", "off"],
        ["egressHook", "require"],
        ["guardNetRaw", true],
        ["hostNetwork", "warn"],
        ["hostPath", "warn"],
        ["workloads", "deny"],
        ["baseRoleArn", ROLE],
        ["defaultRole", `${ROLE}a`],
        ["hubRole", `${ROLE}a`],
        ["allowedRolesFormat", "regexp"],
        ["region", "eu-west-1"],
        ["stsEndpoint", "https://sts.example"],
        ["stsFips", true],
        ["stsDualStack", true],
        ["sessionName", "{pod}"],
        ["sessionDuration", "1h30m"],
        ["clusterName", "prod"],
        ["ambientSecret", "identity"],
        ["block", ["169.254.169.254", "fd00:ec2::254", "169.254.170.2"]],
        ["imds", "allow-emulate"],
        ["imdsPort", 20_002],
        ["imdsFacts", ["instanceType=m7g.large", "availabilityZone=label:a.example/zone"]],
        ["imdsNodePaths", ["meta-data/instance-id"]],
        ["start", "now"],
        ["startTimeout", 3600],
        ["credentialsPort", 20_000],
        ["healthPort", 20_001],
        ["sidecarLogLevel", "debug"],
        ["roleKey", KEY],
        ["externalIdKey", KEY],
        ["sessionNameKey", KEY],
        ["serviceAccountKey", KEY],
        ["defaultRoleKey", KEY],
        ["namespaceKey", KEY],
        ["permittedKey", KEY],
      ] as const
    ).map(([name, value]): [string, ChartOption] => {
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      const text = typeof value === "object" ? value.join(",") : String(value);
      return [flag, { at: `options.${name}`, value, argument: value === true ? flag : `${flag}=${text}` }];
    }),
  ),
  "--no-session-tags": { at: "options.sessionTags", value: false, argument: "--no-session-tags" },
  "--no-transitive-session-tags": {
    at: "options.transitiveSessionTags",
    value: false,
    argument: "--no-transitive-session-tags",
  },
  "--sts-ca-file": {
    at: "options.stsCa",
    value: `${CERTIFICATE_HEAD}\nAA==\n-----END CERTIFICATE-----\n`,
    argument: "--sts-ca-file=/sts-ca/ca.pem",
  },
  "--host": { at: "host", value: "0.0.0.0", argument: "--host=0.0.0.0" },
  "--port": { at: "port", value: 10_250, argument: "--port=10250" },
  "--log-level": { at: "logLevel", value: "debug", argument: "--log-level=debug" },
  "--drain-seconds": { at: "drainSeconds", value: 5, argument: "--drain-seconds=5" },
  "--tls": { at: "tls.mode", value: "cert-manager", argument: "--tls=files" },
  "--tls-cert": { at: "tls.mode", value: "cert-manager", argument: "--tls-cert=/tls/tls.crt" },
  "--tls-key": { at: "tls.mode", value: "cert-manager", argument: "--tls-key=/tls/tls.key" },
  "--tls-secret": { at: "tls.secretName", value: "other", argument: "--tls-secret=other" },
  "--tls-names": { at: "tls.names", value: ["a.example", "::1"], argument: "--tls-names=a.example,::1" },
  "--tls-min-version": { at: "tls.minVersion", value: "1.2", argument: "--tls-min-version=1.2" },
};

/** Those that are the chart's to say, and why. */
export const NO_VALUES: Readonly<Record<string, string>> = {
  "--service": "the name of the chart's own Service",
  "--webhook-configuration": "the name of the chart's own",
  "--namespace": "that of the release, which the injector finds by itself",
  "--kubeconfig": "the pod's service account is used",
};

const MAIN = fileURLToPath(new URL("../../injector/main.ts", import.meta.url));

/** The flags of the injector, as `--help` lists them. Values among the arguments are parsed before. */
export function injectorFlags(args: readonly string[] = []): readonly string[] {
  const help = execFileSync(process.execPath, [MAIN, ...args, "--help"], { encoding: "utf8" });
  const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag ?? "");
  return flags.filter((flag) => flag !== "--help" && flag !== "--version");
}

/** `{ a: { b: value } }` for `a.b`. */
export const valuesAt = (at: string, value: unknown): object =>
  at.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
