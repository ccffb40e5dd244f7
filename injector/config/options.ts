import { InvalidArgumentError, Option, type Command } from "commander";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { EGRESS_HOOK_MODES, START_MODES } from "../../sidecar/contract/env.ts";
import { SOURCES, type Source } from "../../sidecar/contract/session.ts";
import { IMDS_FACTS, METADATA_ADDRESSES, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import { CREDENTIALS_PORT, HEALTH_PORT, IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { blockable } from "../../sidecar/kit/address.ts";
import { integer } from "../../sidecar/kit/env.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { LOG_LEVELS } from "../../sidecar/kit/log.ts";
import { nodePath } from "../../sidecar/kit/node-path.ts";
import { parseBaseRoleArn, parseRoleArn, type BaseRoleArn, type RoleArn } from "../model/arn.ts";
import {
  ALLOWED_ROLES_FORMATS,
  GUARD_MODES,
  HOST_NETWORK_MODES,
  HOST_PATH_MODES,
  IMDS_ALLOWANCES,
  POLICY_MODES,
  PULL_POLICIES,
  WORKLOAD_MODES,
  type ImdsFactSetting,
  type InjectorConfig,
} from "./installation.ts";
import { KEY_OPTIONS, type Keys } from "./keys.ts";
import { durationOf, regionOf, sessionNameTemplate } from "../model/session-values.ts";
import { VERSION } from "../model/version.ts";

/** Commander prints "option … is invalid." before the message of this error, and exits. */
const parsed =
  <T>(parse: (raw: string) => T) =>
  (raw: string): T => {
    try {
      return parse(raw);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? `It ${error.message}.` : String(error));
    }
  };

const roleArn = parsed((raw): RoleArn => {
  const arn = parseRoleArn(raw);
  if (arn === undefined) throw new Error("must be a role ARN such as arn:aws:iam::111122223333:role/name");
  return arn;
});

/** Stands for the base ARN of the injector's own account until STS has told it; only the webhook asks. */
export const AUTO = "auto";

const baseRoleArn = parsed((raw): BaseRoleArn | typeof AUTO => {
  const base = raw === AUTO ? raw : parseBaseRoleArn(raw);
  if (base === undefined) throw new Error(`must be such as arn:aws:iam::111122223333:role/, or ${AUTO}`);
  return base;
});

const sources = (raw: string): readonly Source[] =>
  raw.split(",").map((part) => {
    const source = SOURCES.find((known) => known === part.trim());
    if (source === undefined) throw new Error(`must name sources among ${SOURCES.join(", ")}`);
    return source;
  });

/** As the guard takes them, one by one: it refuses to cut the app off from its sidecar, DNS or the clock. */
const addresses = (raw: string): readonly string[] => raw.split(",").map(blockable);

/** Only the pod itself knows its addresses. */
const isSettable = (fact: string): fact is ImdsFact =>
  Object.hasOwn(IMDS_FACTS, fact) && fact !== "localIpv4" && fact !== "ipv6";

const imdsFacts = (raw: string): readonly ImdsFactSetting[] => {
  const settings = raw.split(",").map((part): ImdsFactSetting => {
    const [, fact = "", value = ""] = /^([A-Za-z]+)=(.*)$/.exec(part.trim()) ?? [];
    if (!isSettable(fact)) {
      throw new Error(`must name facts among ${Object.keys(IMDS_FACTS).filter(isSettable).join(", ")}`);
    }
    const label = value.startsWith("label:") ? annotationKey(value.slice("label:".length)) : undefined;
    if (label !== undefined) return { fact, label };
    if (!IMDS_FACTS[fact].test(value)) throw new Error(`holds a value that ${fact} cannot have`);
    return { fact, value };
  });
  if (new Set(settings.map(({ fact }) => fact)).size < settings.length) throw new Error("names a fact twice");
  return settings;
};

const imdsNodePaths = (raw: string): readonly string[] => raw.split(",").map((part) => nodePath(part.trim()));

const httpUrl = (raw: string): string => {
  const url = URL.parse(raw);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new Error("must be an http or https URL with no user in it");
  }
  return raw;
};

/** Kubernetes' grammar for keys of annotations and labels: a DNS name and a slash before it, or not. */
const annotationKey = (raw: string): string => {
  if (!/^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/.test(raw)) {
    throw new Error("must be a key such as example.com/role");
  }
  return raw;
};

const port = parsed(integer(1, 65_535));

/** The options of an installation, the same for the webhook and for the offline commands. */
const OPTIONS: readonly Option[] = [
  new Option("--image <image>", "image of guard and sidecar").default(`podrole/sidecar:${VERSION}`),
  new Option("--image-pull-policy <policy>", "how the kubelet pulls it")
    .choices(PULL_POLICIES)
    .default("IfNotPresent"),
  new Option("--source <source>", "where the sidecar's own AWS identity comes from")
    .choices(SOURCES)
    .default("web-identity"),
  new Option("--source-override <sources>", "sources that a namespace's annotation may choose instead")
    .argParser(parsed(sources))
    .default([], "none"),
  new Option(
    "--policy <mode>",
    "who may use which role (default: listed for web-identity, else enforce)",
  ).choices(POLICY_MODES),
  new Option("--guard <mode>", "whether pods are cut off from the metadata service")
    .choices(GUARD_MODES)
    .default("block"),
  new Option(
    "--egress-hook <mode>",
    "pods on nodes whose kernel lacks it (before 5.16): held with one wall, or not started",
  )
    .choices(EGRESS_HOOK_MODES)
    .default("prefer"),
  new Option(
    "--guard-net-raw",
    "give the guard NET_RAW too: iptables-legacy needs it, on nodes without nf_tables",
  ).default(false),
  new Option("--host-network <mode>", "pods on the node's network that ask for no role")
    .choices(HOST_NETWORK_MODES)
    .default("deny"),
  new Option("--host-path <mode>", "pods that mount a path of the node")
    .choices(HOST_PATH_MODES)
    .default("deny"),
  new Option("--workloads <mode>", "workloads whose pods would be denied, when they are applied")
    .choices(WORKLOAD_MODES)
    .default("warn"),
  new Option(
    "--base-role-arn <arn>",
    "completes roles that are given by name; auto: of the injector's own account",
  ).argParser(baseRoleArn),
  new Option("--default-role <arn>", "role of pods that name none").argParser(roleArn),
  new Option("--hub-role <arn>", "role through which others are reached by AssumeRole").argParser(roleArn),
  new Option("--allowed-roles-format <format>", "how a namespace's allowed-roles reads")
    .choices(ALLOWED_ROLES_FORMATS)
    .default("glob"),
  new Option("--region <region>", "AWS region of the cluster").argParser(parsed(regionOf)),
  new Option("--sts-endpoint <url>", "STS endpoint other than the region's own").argParser(parsed(httpUrl)),
  new Option("--sts-fips", "call the region's FIPS endpoint of STS").default(false),
  new Option("--sts-dual-stack", "call the region's dual-stack endpoint of STS (IPv6 too)").default(false),
  new Option("--sts-ca-file <file>", "PEM certificates to trust in calls to STS, beside the public roots"),
  new Option("--session-name <template>", "role session name")
    .argParser(parsed(sessionNameTemplate))
    .default("{namespace}.{pod}"),
  new Option("--session-duration <duration>", "length of a session, such as 3600 or 1h")
    .argParser(parsed(durationOf))
    .default(3600),
  new Option("--no-session-tags", "no kubernetes-* session tags on AssumeRole"),
  new Option("--no-transitive-session-tags", "roles that an app assumes further do not inherit those tags"),
  new Option("--cluster-name <name>", "session tag kubernetes-cluster-name"),
  new Option("--ambient-secret <name>", "source ambient: Secret with the sidecar's own credentials"),
  new Option("--block <addresses>", "addresses that the guard blocks")
    .argParser(parsed(addresses))
    .default([...METADATA_ADDRESSES], METADATA_ADDRESSES.join(",")),
  new Option("--imds <mode>", "whether a pod may have the sidecar stand in for the metadata service")
    .choices(IMDS_ALLOWANCES)
    .default("block"),
  new Option("--imds-port <port>", "port at which it does, on loopback").argParser(port).default(IMDS_PORT),
  new Option(
    "--imds-facts <facts>",
    "what it knows of where a pod runs: instanceType=m7g.large, or instanceType=label:KEY for a label of the pod's",
  )
    .argParser(parsed(imdsFacts))
    .default([], "none"),
  new Option("--imds-node-paths <paths>", "source node: paths of the node's own service that it passes on")
    .argParser(parsed(imdsNodePaths))
    .default([], "none"),
  new Option("--start <mode>", "when app containers start").choices(START_MODES).default("wait"),
  new Option("--start-timeout <seconds>", "how long a pod waits for its first credentials")
    .argParser(parsed(integer(5, 3600)))
    .default(120),
  new Option("--credentials-port <port>", "port of the credentials, on 127.0.0.1")
    .argParser(port)
    .default(CREDENTIALS_PORT),
  new Option("--health-port <port>", "port of health and metrics").argParser(port).default(HEALTH_PORT),
  new Option("--sidecar-log-level <level>", "how much guard and sidecar log")
    .choices(LOG_LEVELS)
    .default("info"),
  ...Object.values(KEY_OPTIONS).map(({ flag, annotation }) =>
    new Option(`${flag} <key>`, `spelling of the annotation ${annotation}`).argParser(parsed(annotationKey)),
  ),
];

/** Adds the installation's options to a command. */
export function withInstallation(command: Command): Command {
  for (const option of OPTIONS) command.addOption(option);
  return command;
}

/** The names Commander gives the options above, with the types their parsers and choices make. */
type Parsed = Omit<
  InjectorConfig,
  | "policy"
  | "hostNetwork"
  | "sourceOverrides"
  | "blockedAddresses"
  | "sessionDurationSeconds"
  | "startTimeoutSeconds"
  | "stsCa"
  | "version"
> & {
  readonly baseRoleArn?: InjectorConfig["baseRoleArn"] | typeof AUTO;
  readonly policy?: InjectorConfig["policy"];
  readonly hostNetwork: InjectorConfig["hostNetwork"];
  readonly sourceOverride: InjectorConfig["sourceOverrides"];
  readonly block: InjectorConfig["blockedAddresses"];
  readonly sessionDuration: number;
  readonly startTimeout: number;
  readonly stsCaFile?: string;
};

/**
 * The parsed options as a configuration.
 * @param readCa reads the file of `--sts-ca-file`; absent where no pod is written
 * @throws CodedError `CONFIG_INVALID` for options that do not go together
 */
export function installationFrom(
  options: Record<string, unknown>,
  readCa?: (path: string) => string,
): InjectorConfig {
  // Commander's options are untyped; the table above is what makes this true, and a test holds the two together.
  const { policy, sourceOverride, block, sessionDuration, startTimeout, stsCaFile, ...same } =
    options as unknown as Parsed;
  refuseSharedPorts(same);
  refuseOpenAddress(same.imds, block);
  if (same.stsEndpoint !== undefined && (same.stsFips || same.stsDualStack)) {
    throw new CodedError(
      "CONFIG_INVALID",
      "--sts-endpoint goes with neither --sts-fips nor --sts-dual-stack: they choose among the region's own endpoints.",
      { remedy: "Give one of them, or the URL of an endpoint that is both." },
    );
  }
  if ([same.source, ...sourceOverride].includes("ambient") && same.ambientSecret === undefined) {
    throw new CodedError(
      "CONFIG_INVALID",
      "--source or --source-override ambient needs --ambient-secret: there is no identity to start from.",
    );
  }
  return Object.freeze({
    image: same.image,
    imagePullPolicy: same.imagePullPolicy,
    source: same.source,
    sourceOverrides: sourceOverride,
    policy,
    guard: same.guard,
    egressHook: same.egressHook,
    guardNetRaw: same.guardNetRaw,
    hostNetwork: same.hostNetwork,
    hostPath: same.hostPath,
    workloads: same.workloads,
    baseRoleArn: baseRoleArnOf(same.baseRoleArn),
    defaultRole: same.defaultRole,
    hubRole: same.hubRole,
    allowedRolesFormat: same.allowedRolesFormat,
    region: same.region,
    stsEndpoint: same.stsEndpoint,
    stsFips: same.stsFips,
    stsDualStack: same.stsDualStack,
    stsCa: stsCaFile === undefined ? undefined : readCa?.(stsCaFile),
    sessionName: same.sessionName,
    sessionDurationSeconds: sessionDuration,
    sessionTags: same.sessionTags,
    transitiveSessionTags: same.transitiveSessionTags,
    clusterName: same.clusterName,
    ambientSecret: same.ambientSecret,
    blockedAddresses: block,
    imds: same.imds,
    imdsPort: same.imdsPort,
    imdsFacts: same.imdsFacts,
    imdsNodePaths: same.imdsNodePaths,
    start: same.start,
    startTimeoutSeconds: startTimeout,
    credentialsPort: same.credentialsPort,
    healthPort: same.healthPort,
    sidecarLogLevel: same.sidecarLogLevel,
    keys: keysOf(options),
    version: VERSION,
  });
}

function refuseSharedPorts({
  credentialsPort,
  healthPort,
  imdsPort,
}: Pick<InjectorConfig, "credentialsPort" | "healthPort" | "imdsPort">): void {
  const ports = Object.entries({
    "--credentials-port": credentialsPort,
    "--health-port": healthPort,
    "--imds-port": imdsPort,
  });
  for (const [index, [option, number]] of ports.entries()) {
    const other = ports.slice(0, index).find(([, taken]) => taken === number);
    if (other) throw new CodedError("CONFIG_INVALID", `${other[0]} and ${option} are the same.`);
  }
}

function refuseOpenAddress(imds: InjectorConfig["imds"], block: readonly string[]): void {
  const open = METADATA_ADDRESSES.filter((address) => !block.includes(address));
  if (imds === "block" || open.length === 0) return;
  throw new CodedError(
    "CONFIG_INVALID",
    `--imds=${imds} needs ${open.join(" and ")} in --block: at an address that is not blocked the node's own service answers.`,
  );
}

function baseRoleArnOf(given: InjectorConfig["baseRoleArn"] | typeof AUTO): InjectorConfig["baseRoleArn"] {
  if (given !== AUTO) return given;
  throw new CodedError("CONFIG_INVALID", "--base-role-arn=auto asks AWS, which this command does not.", {
    remedy: "Write the base ARN out.",
  });
}

/** Two annotations under one key would each be read as the other. */
function keysOf(options: Readonly<Record<string, unknown>>): Keys {
  const given = Object.entries(KEY_OPTIONS).flatMap(([name, { annotation }]): [string, string][] => {
    const key = options[name];
    return typeof key === "string" && key !== annotation ? [[annotation, key]] : [];
  });
  const keys = Object.fromEntries(given);
  const read = Object.values(ANNOTATION).map((our) => keys[our] ?? our);
  const twice = read.find((key, index) => read.indexOf(key) !== index);
  if (twice !== undefined) {
    throw new CodedError("CONFIG_INVALID", `Two annotations would be read from the key ${twice}.`, {
      remedy: "Give each its own.",
    });
  }
  return Object.freeze(keys);
}
