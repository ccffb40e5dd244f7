import { isIP } from "node:net";
import { ENV, START_MODES, type StartMode } from "../contract/env.ts";
import { POD_IDENTITY, SOURCES, type Identity, type Source, type Step } from "../contract/session.ts";
import { IMDS_MODES, IMDS_V1, type ImdsV1 } from "../contract/metadata.ts";
import { CREDENTIALS_PORT, HEALTH_PORT, IMDS_PORT } from "../contract/pod.ts";
import { identitiesOf } from "./identities.ts";
import { factsOf, type Facts } from "./imds-facts.ts";
import { integer, list, oneOf, optional, parseEnv, required, text, type Env } from "../kit/env.ts";
import { CodedError } from "../kit/errors.ts";
import { nodePath } from "../kit/node-path.ts";
import { LOG_LEVELS, type LogLevel } from "../kit/log.ts";
import { sessionName, tagValue, type PodIdentity } from "./session-name.ts";

/** An {@link Identity} as the sidecar works with it. */
export interface ConfiguredIdentity {
  readonly name: string;
  /** 32 bytes. */
  readonly tokenSha256: Buffer;
  /** In the order of the calls; placeholders are filled, and each has a duration. */
  readonly steps: readonly (Step & { readonly durationSeconds: number })[];
}

export interface ImdsConfig {
  readonly port: number;
  readonly v1: ImdsV1;
  readonly facts: Facts;
  /** Paths that the node's own service is asked for. Empty unless in source `node`. */
  readonly nodePaths: readonly string[];
}

export interface SidecarConfig {
  readonly source: Source;
  /** At least one. */
  readonly identities: readonly ConfiguredIdentity[];
  readonly sessionName: string;
  readonly region: string;
  readonly stsEndpoint: string | undefined;
  readonly stsFips: boolean;
  readonly stsDualStack: boolean;
  readonly stsCa: string | undefined;
  /** Set for source `web-identity`. */
  readonly webIdentityTokenFile: string | undefined;
  readonly start: StartMode;
  readonly startTimeoutSeconds: number;
  readonly port: number;
  readonly healthPort: number;
  readonly blockedAddresses: readonly string[];
  /** Undefined where the metadata service is blocked and nothing stands in for it. */
  readonly imds: ImdsConfig | undefined;
  readonly logLevel: LogLevel;
}

const portNumber = integer(1, 65_535);

/** SDKs refresh 15 minutes before the end, so a session of less than an hour soon costs a fetch a call. */
const LAST_STEP_SECONDS = 3600;
/** Keys of a step in between are used once, within seconds: STS's shortest session is long enough. */
const HUB_STEP_SECONDS = 900;

/** STS answers in every region, so a pod of no known region asks one that its partition is sure to have. */
const HOME_REGION: Readonly<Record<string, string>> = {
  aws: "us-east-1",
  "aws-cn": "cn-north-1",
  "aws-us-gov": "us-gov-west-1",
  "aws-eusc": "eusc-de-east-1",
};

/** @throws CodedError `CONFIG_INVALID` naming every variable that is absent or wrong */
export function parseConfig(env: Env): SidecarConfig {
  const source = SOURCES.find((known) => known === env[ENV.source]);
  const parsed = parseEnv(env, {
    source: required(ENV.source, oneOf(SOURCES)),
    identities: required(ENV.identities, identitiesOf(source)),
    template: optional(ENV.sessionName, text, "{namespace}.{pod}"),
    region: optional(ENV.region, region, undefined),
    stsEndpoint: optional(ENV.stsEndpoint, httpUrl, undefined),
    stsFips: optional(ENV.stsFips, regionsOwn(env[ENV.stsEndpoint]), false),
    stsDualStack: optional(ENV.stsDualStack, regionsOwn(env[ENV.stsEndpoint]), false),
    stsCa: optional(ENV.stsCa, certificates, undefined),
    webIdentityTokenFile:
      source === "web-identity"
        ? required(ENV.webIdentityTokenFile, text)
        : optional(ENV.webIdentityTokenFile, text, undefined),
    start: optional(ENV.start, oneOf(START_MODES), "wait"),
    startTimeoutSeconds: optional(ENV.startTimeoutSeconds, integer(1, 3600), 120),
    port: optional(ENV.port, portNumber, CREDENTIALS_PORT),
    healthPort: optional(ENV.healthPort, otherThan(env[ENV.port]), HEALTH_PORT),
    blockedAddresses: optional(ENV.blockedAddresses, list(ipAddress), []),
    imdsMode: optional(ENV.imds, oneOf(IMDS_MODES), "block"),
    imdsPort: optional(ENV.imdsPort, portNumber, IMDS_PORT),
    imdsV1: optional(ENV.imdsV1, oneOf(IMDS_V1), "denied"),
    imdsFacts: optional(ENV.imdsFacts, factsOf, {}),
    imdsNodePaths: optional(ENV.imdsNodePaths, list(nodePathOf(source)), []),
    logLevel: optional(ENV.logLevel, oneOf(LOG_LEVELS), "info"),
    namespace: required(ENV.namespace, text),
    serviceAccount: required(ENV.serviceAccount, text),
    pod: required(ENV.podName, text),
    podUid: required(ENV.podUid, text),
  });
  const { template, identities, namespace, serviceAccount, pod, podUid, ...settings } = parsed;
  const { imdsMode, imdsPort, imdsV1, imdsFacts, imdsNodePaths, ...rest } = settings;
  const of = { namespace, serviceAccount, pod, podUid };
  if (imdsMode !== "block" && (identities.length > 1 || identities[0]?.name !== POD_IDENTITY)) {
    // No token comes with a request to it, so every container of the pod would be given the one role.
    const message = `${ENV.imds}=${imdsMode} cannot tell containers with roles of their own apart.`;
    throw new CodedError("CONFIG_INVALID", message, { remedy: "Give the pod one role, or block." });
  }
  return Object.freeze({
    ...rest,
    region: rest.region ?? homeRegion(identities),
    imds:
      imdsMode === "block"
        ? undefined
        : { port: imdsPort, v1: imdsV1, facts: imdsFacts, nodePaths: imdsNodePaths },
    identities: identities.map(({ name, tokenSha256, steps }) => ({
      name,
      tokenSha256: Buffer.from(tokenSha256, "hex"),
      steps: steps.map((step, index) => completed(step, index === steps.length - 1, of)),
    })),
    sessionName: sessionName(template, of),
  });
}

function completed(step: Step, isLast: boolean, of: PodIdentity): ConfiguredIdentity["steps"][number] {
  const durationSeconds = step.durationSeconds ?? (isLast ? LAST_STEP_SECONDS : HUB_STEP_SECONDS);
  if (step.tags === undefined) return { ...step, durationSeconds };
  const tags = Object.entries(step.tags).map(([key, value]) => [key, tagValue(value, of)]);
  return { ...step, durationSeconds, tags: Object.fromEntries(tags) };
}

function homeRegion([first]: readonly Identity[]): string {
  const partition = first?.steps[0]?.roleArn.split(":")[1] ?? "aws";
  const home = HOME_REGION[partition];
  if (home === undefined) throw new CodedError("CONFIG_INVALID", `${ENV.region} is not set.`);
  return home;
}

function otherThan(credentialsPort: string | undefined) {
  return (raw: string): number => {
    const port = portNumber(raw);
    if (port === Number(credentialsPort || CREDENTIALS_PORT)) throw new Error(`must differ from ${ENV.port}`);
    return port;
  };
}

/** In any other source the guard lets the sidecar through to the node's service no more than the app. */
function nodePathOf(source: Source | undefined) {
  return (raw: string): string => {
    if (source !== "node") throw new Error("is for the source node alone");
    return nodePath(raw);
  };
}

/** A region becomes part of the host name that is called, so its characters are checked, and no more. */
function region(raw: string): string {
  if (!/^[a-z]{2,}(?:-[a-z0-9]+){2,5}$/.test(raw)) throw new Error("is no AWS region, such as eu-west-1");
  return raw;
}

/** A custom endpoint is called as it stands: that it is FIPS or dual-stack could only be believed. */
function regionsOwn(endpoint: string | undefined) {
  return (raw: string): boolean => {
    const wanted = oneOf(["true", "false"])(raw) === "true";
    if (wanted && endpoint) throw new Error(`does not go with ${ENV.stsEndpoint}`);
    return wanted;
  };
}

/** That they can be decoded is the injector's to see; here, that nothing else is taken for one. */
function certificates(raw: string): string {
  const block = "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----";
  if (!new RegExp(`^\\s*(?:${block}\\s*)+$`).test(raw)) throw new Error("must be PEM certificates");
  return raw;
}

function httpUrl(raw: string): string {
  const url = URL.canParse(raw) ? new URL(raw) : undefined;
  const plain = url?.username === "" && url.password === "";
  if (!plain || !["http:", "https:"].includes(url.protocol)) {
    throw new Error("must be an http or https URL with no user in it");
  }
  return raw;
}

function ipAddress(raw: string): string {
  if (isIP(raw) === 0) throw new Error("must be IP addresses, separated by commas");
  return raw;
}
