import { ENV, START_MODES, type StartMode } from "../contract/env.ts";
import { IMDS_MODES, IMDS_V1, type ImdsV1 } from "../contract/metadata.ts";
import { CREDENTIALS_PORT, HEALTH_PORT, IMDS_PORT } from "../contract/pod.ts";
import { POD_IDENTITY, SOURCES, type Identity, type Source, type Step } from "../contract/session.ts";
import {
  httpOrigin,
  integer,
  list,
  oneOf,
  optional,
  parseEnv,
  required,
  text,
  type Env,
} from "../kit/env.ts";
import { CodedError } from "../kit/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../kit/log.ts";
import { nodePath } from "../kit/node-path.ts";
import { IDENTITY_SOURCES } from "../sources/sources.ts";
import type { StsEndpoint } from "../sts/client.ts";
import type { TimedStep } from "../sts/role-request.ts";
import { identitiesOf } from "./identities.ts";
import { factsOf, type Facts } from "./imds-facts.ts";
import { sessionName, tagValue, type PodIdentity } from "./session-name.ts";
import { certificates, ipAddress, otherThan, portNumber, region } from "./values.ts";

/** An {@link Identity}, ready for use. */
export interface ConfiguredIdentity {
  readonly name: string;
  readonly tokenFile?: string;
  /** 32 bytes. */
  readonly tokenSha256?: Buffer;
  /** In the order of the calls; placeholders are filled in, and each has a duration. */
  readonly steps: readonly TimedStep[];
}

export interface ImdsConfig {
  readonly port: number;
  readonly v1: ImdsV1;
  readonly facts: Facts;
  /** Paths that the node's own service is asked for. Empty unless the source may reach it. */
  readonly nodePaths: readonly string[];
}

export interface SidecarConfig {
  readonly source: Source;
  /** The values of the source's own `settings`. */
  readonly sourceSettings: Readonly<Record<string, unknown>>;
  /** At least one. */
  readonly identities: readonly ConfiguredIdentity[];
  readonly sessionName: string;
  readonly sts: StsEndpoint;
  readonly start: StartMode;
  readonly startTimeoutSeconds: number;
  readonly port: number;
  readonly healthPort: number;
  readonly blockedAddresses: readonly string[];
  /** Undefined where the metadata service is blocked and not emulated. */
  readonly imds: ImdsConfig | undefined;
  readonly logLevel: LogLevel;
}

/** SDKs refresh 15 minutes before the end, so they would soon fetch a session of less than an hour for every call. */
const LAST_STEP_SECONDS = 3600;
/** The keys of a step in between are used once, within seconds, so STS's shortest session is long enough. */
const HUB_STEP_SECONDS = 900;

/** @throws CodedError `CONFIG_INVALID` naming every variable that is absent or wrong */
export function parseConfig(env: Env): SidecarConfig {
  const name = SOURCES.find((known) => known === env[ENV.source]);
  const source = name === undefined ? undefined : IDENTITY_SOURCES[name];
  const { pod, template, imds, identities, ...rest } = parseEnv(env, {
    source: required(ENV.source, oneOf(SOURCES)),
    sourceSettings: source?.settings ?? {},
    identities: required(ENV.identities, identitiesOf(source?.firstAction)),
    template: optional(ENV.sessionName, text, "{namespace}.{pod}"),
    sts: {
      region: required(ENV.region, region),
      endpoint: required(ENV.stsEndpoint, httpOrigin),
      ca: optional(ENV.stsCa, certificates, undefined),
    },
    start: optional(ENV.start, oneOf(START_MODES), "wait"),
    startTimeoutSeconds: optional(ENV.startTimeoutSeconds, integer(1, 3600), 30),
    port: optional(ENV.port, portNumber, CREDENTIALS_PORT),
    healthPort: optional(ENV.healthPort, otherThan(env[ENV.port]), HEALTH_PORT),
    blockedAddresses: optional(ENV.blockedAddresses, list(ipAddress), []),
    imds: {
      mode: optional(ENV.imds, oneOf(IMDS_MODES), "block"),
      port: optional(ENV.imdsPort, portNumber, IMDS_PORT),
      v1: optional(ENV.imdsV1, oneOf(IMDS_V1), "denied"),
      facts: optional(ENV.imdsFacts, factsOf, {}),
      nodePaths: optional(ENV.imdsNodePaths, list(nodePathIf(source?.reachesMetadata)), []),
    },
    logLevel: optional(ENV.logLevel, oneOf(LOG_LEVELS), "info"),
    pod: {
      namespace: required(ENV.namespace, text),
      serviceAccount: required(ENV.serviceAccount, text),
      pod: required(ENV.podName, text),
      podUid: required(ENV.podUid, text),
    },
  });
  const { mode, ...emulated } = imds;
  if (mode !== "block") refuseSeveralRoles(identities);
  return Object.freeze({
    ...rest,
    imds: mode === "block" ? undefined : emulated,
    identities: identities.map(({ steps, tokenSha256, ...identity }) => ({
      ...identity,
      ...(tokenSha256 === undefined ? {} : { tokenSha256: Buffer.from(tokenSha256, "hex") }),
      steps: steps.map((step, index) => completed(step, index === steps.length - 1, pod)),
    })),
    sessionName: sessionName(template, pod),
  });
}

/** No token comes with a request for metadata, so every container of the pod would be given the one role. */
function refuseSeveralRoles(identities: readonly Identity[]): void {
  if (identities.length === 1 && identities[0]?.name === POD_IDENTITY) return;
  const message = `${ENV.imds}=emulate cannot tell apart containers with roles of their own.`;
  throw new CodedError("CONFIG_INVALID", message, { remedy: "Give the pod one role, or block." });
}

function completed(step: Step, isLast: boolean, pod: PodIdentity): TimedStep {
  const durationSeconds = step.durationSeconds ?? (isLast ? LAST_STEP_SECONDS : HUB_STEP_SECONDS);
  if (step.tags === undefined) return { ...step, durationSeconds };
  const tags = Object.entries(step.tags).map(([key, value]) => [key, tagValue(value, pod)]);
  return { ...step, durationSeconds, tags: Object.fromEntries(tags) };
}

/** Without that, the guard blocks the node's service for the sidecar as well. */
function nodePathIf(reachesMetadata: boolean | undefined) {
  return (raw: string): string => {
    if (reachesMetadata !== true)
      throw new Error("needs a source that may ask the node's service, such as node");
    return nodePath(raw);
  };
}
