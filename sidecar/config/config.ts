import { ENV, GUARD_MODES, NO_GUARD, START_MODES, type GuardMode, type StartMode } from "../contract/env.ts";
import { IMDS_MODES, IMDS_V1, type ImdsV1 } from "../contract/metadata.ts";
import { POD_IDENTITY, SOURCES, type Identity, type Source } from "../contract/session.ts";
import {
  integer,
  list,
  oneOf,
  optional,
  parseEnv,
  required,
  text,
  type Env,
  type Parsed,
} from "../kit/env.ts";
import { DEFAULTS, defaulted } from "../kit/defaults.ts";
import { CodedError } from "../kit/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../kit/log.ts";
import { nodePath } from "../kit/node-path.ts";
import { podFieldsIn } from "../kit/pod-fields.ts";
import { timedSteps, type TimedStep } from "../kit/timed-steps.ts";
import type { IdentitySource } from "../sources/source.ts";
import { IDENTITY_SOURCES } from "../sources/sources.ts";
import type { FirstStep } from "./steps.ts";
import { identitiesOf } from "./identities.ts";
import { factsOf, type Facts } from "./imds-facts.ts";
import { STS_FIELDS, stsCalls, type StsCalls } from "./sts-calls.ts";
import { ipAddress, otherThan, portNumber } from "./values.ts";

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
  /** Undefined in a source that calls no STS. */
  readonly sts: StsCalls | undefined;
  readonly start: StartMode;
  readonly startTimeoutSeconds: number;
  readonly port: number;
  readonly healthPort: number;
  /** Undefined in a pod without a guard. */
  readonly guard: GuardMode | undefined;
  /** Empty in a pod without a guard. */
  readonly blockedAddresses: readonly string[];
  /** Undefined where the metadata service is blocked and not emulated. */
  readonly imds: ImdsConfig | undefined;
  readonly logLevel: LogLevel;
}

/** @throws CodedError `CONFIG_INVALID` naming every variable that is absent or wrong */
export function parseConfig(env: Env): SidecarConfig {
  const name = SOURCES.find((known) => known === (env[ENV.source] || DEFAULTS[ENV.source]));
  const source = name === undefined ? undefined : IDENTITY_SOURCES[name];
  const callsSts = source?.callsSts !== false;
  const podFields = callsSts
    ? podFieldsIn(env[ENV.sessionName] || DEFAULTS[ENV.sessionName], env[ENV.identities] ?? "")
    : [];
  const podField = (variable: string) =>
    podFields.some((field) => field.variable === variable)
      ? required(variable, text)
      : optional(variable, text, "");
  const { pod, imds, identities, sts, ...rest } = parseEnv(env, {
    source: defaulted(ENV.source, oneOf(SOURCES)),
    sourceSettings: source?.settings ?? {},
    identities: required(ENV.identities, identitiesOf(source && firstStepOf(source))),
    sts: callsSts ? STS_FIELDS : {},
    start: defaulted(ENV.start, oneOf(START_MODES)),
    startTimeoutSeconds: defaulted(ENV.startTimeoutSeconds, integer(1, 3600)),
    port: defaulted(ENV.port, portNumber),
    healthPort: defaulted(ENV.healthPort, otherThan(env[ENV.port])),
    guard: defaulted(ENV.guard, oneOf(GUARD_MODES)),
    blockedAddresses: defaulted(ENV.blockedAddresses, addressesToVerify),
    imds: {
      mode: defaulted(ENV.imds, oneOf(IMDS_MODES)),
      port: defaulted(ENV.imdsPort, portNumber),
      v1: defaulted(ENV.imdsV1, oneOf(IMDS_V1)),
      facts: optional(ENV.imdsFacts, factsOf, {}),
      nodePaths: optional(ENV.imdsNodePaths, list(nodePathIf(source?.reachesMetadata)), []),
    },
    logLevel: defaulted(ENV.logLevel, oneOf(LOG_LEVELS)),
    pod: {
      namespace: podField(ENV.namespace),
      serviceAccount: podField(ENV.serviceAccount),
      pod: podField(ENV.podName),
      podUid: required(ENV.podUid, text),
    },
  });
  const { mode, ...emulated } = imds;
  if (mode !== "block") refuseSeveralRoles(identities);
  const isGuarded = rest.blockedAddresses.length > 0;
  if (rest.guard === "verify") {
    refuseUnverifiable({ isGuarded, emulates: mode !== "block", source: rest.source });
  }
  return Object.freeze({
    ...rest,
    guard: isGuarded ? rest.guard : undefined,
    sts: isStsFields(sts) ? stsCalls(sts, pod) : undefined,
    imds: mode === "block" ? undefined : emulated,
    identities: identities.map(({ steps, tokenSha256, ...identity }) => ({
      ...identity,
      ...(tokenSha256 === undefined ? {} : { tokenSha256: Buffer.from(tokenSha256, "hex") }),
      steps: timedSteps(steps, pod),
    })),
  });
}

const isStsFields = (parsed: object): parsed is Parsed<typeof STS_FIELDS> => "region" in parsed;

const firstStepOf = (source: IdentitySource): FirstStep => (source.callsSts ? source.firstAction : "name");

/** No token comes with a request for metadata, so every container of the pod would be given the one role. */
function refuseSeveralRoles(identities: readonly Identity[]): void {
  if (identities.length === 1 && identities[0]?.name === POD_IDENTITY) return;
  const message = `${ENV.imds}=emulate cannot tell apart containers with roles of their own.`;
  throw new CodedError("CONFIG_INVALID", message, { remedy: "Give the pod one role, or block." });
}

/**
 * Mode `verify` proves that nobody in the pod reaches the metadata service, and has no rules of its own. What contradicts that is not
 * written by the injector, and would either never be served or not be checked.
 */
function refuseUnverifiable(given: {
  readonly isGuarded: boolean;
  readonly emulates: boolean;
  readonly source: Source;
}): void {
  const contradicting = [
    given.isGuarded ? [] : `${ENV.blockedAddresses}=${NO_GUARD}`,
    given.emulates ? `${ENV.imds}=emulate` : [],
    IDENTITY_SOURCES[given.source].reachesMetadata ? `${ENV.source}=${given.source}` : [],
  ].flat();
  if (contradicting.length === 0) return;
  const message = `${ENV.guard}=verify cannot be together with ${contradicting.join(" and ")}.`;
  throw new CodedError("CONFIG_INVALID", message, { remedy: "Choose guard mode block, or leave that out." });
}

const addressesToVerify = (raw: string): readonly string[] => (raw === NO_GUARD ? [] : list(ipAddress)(raw));

/** Without that, the guard blocks the node's service for the sidecar as well. */
function nodePathIf(reachesMetadata: boolean | undefined) {
  return (raw: string): string => {
    if (reachesMetadata !== true)
      throw new Error("needs a source that may ask the node's service, such as node");
    return nodePath(raw);
  };
}
