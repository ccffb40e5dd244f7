import { EGRESS_HOOK_MODES, ENV, type EgressHookMode } from "../contract/env.ts";
import { IMDS_MODES, type ImdsMode } from "../contract/metadata.ts";
import { blockable, normalAddress } from "../kit/address.ts";
import { defaulted } from "../kit/defaults.ts";
import { integer, list, oneOf, optional, parseEnv, required, type Env } from "../kit/env.ts";
import { LOG_LEVELS, type LogLevel } from "../kit/log.ts";
import type { SidecarPorts } from "./packet-filter.ts";

export interface GuardConfig {
  /** Addresses to keep out of reach: at least one, each once, normalised. */
  readonly addresses: readonly string[];
  /** The one uid that may still reach them (source `node`). Never 0: root would open the guard for every image. */
  readonly openUid: number | undefined;
  /** Undefined in a pod without a sidecar. */
  readonly sidecar: SidecarPorts | undefined;
  /** As which the sidecar serves if it is one container with the guard; undefined: the number of its uid. */
  readonly sidecarGid: number | undefined;
  readonly egressHook: EgressHookMode;
  readonly imds: ImdsMode;
  /** The port of the sidecar's metadata endpoint, which `emulate` redirects to. */
  readonly imdsPort: number;
  readonly podIp: string;
  readonly hostIp: string;
  readonly logLevel: LogLevel;
}

const portNumber = integer(1, 65_535);

/** A pod's user namespace maps the uids up to this one. */
const HIGHEST_UID = 65_535;
/** Kubernetes takes no higher one. OpenShift gives a mesh's proxy one beyond a million. */
const HIGHEST_GID = 2 ** 31 - 1;

/**
 * A list without an address is an error: the injector leaves the guard out of a pod that needs none.
 * @throws CodedError `CONFIG_INVALID` naming every variable that is absent or wrong
 */
export function parseGuardConfig(env: Env): GuardConfig {
  const { sidecarUid, sidecarPorts, ...rest } = parseEnv(env, {
    addresses: defaulted(ENV.blockedAddresses, blockedAddresses),
    openUid: optional(ENV.openUid, integer(1, HIGHEST_UID), undefined),
    sidecarUid: optional(ENV.sidecarUid, integer(1, HIGHEST_UID), undefined),
    sidecarPorts: defaulted(ENV.sidecarPorts, withUid(env)),
    sidecarGid: optional(ENV.sidecarGid, integer(1, HIGHEST_GID), undefined),
    egressHook: defaulted(ENV.egressHook, oneOf(EGRESS_HOOK_MODES)),
    imds: defaulted(ENV.imds, oneOf(IMDS_MODES)),
    imdsPort: defaulted(ENV.imdsPort, portNumber),
    podIp: required(ENV.podIp, ipAddress),
    hostIp: required(ENV.hostIp, ipAddress),
    logLevel: defaulted(ENV.logLevel, oneOf(LOG_LEVELS)),
  });
  return {
    ...rest,
    sidecar: sidecarUid === undefined ? undefined : { uid: sidecarUid, ports: sidecarPorts },
  };
}

/** What the guard is told in mode `verify`. */
export type VerifyConfig = Pick<GuardConfig, "addresses" | "logLevel">;

/** @throws as {@link parseGuardConfig} */
export const parseVerifyConfig = (env: Env): VerifyConfig =>
  parseEnv(env, {
    addresses: defaulted(ENV.blockedAddresses, blockedAddresses),
    logLevel: defaulted(ENV.logLevel, oneOf(LOG_LEVELS)),
  });

/** Ports without the uid that may answer there would be half a rule. */
function withUid(env: Env) {
  return (raw: string): readonly number[] => {
    if (env[ENV.sidecarPorts] && !env[ENV.sidecarUid]) throw new Error(`needs ${ENV.sidecarUid}`);
    return ports(raw);
  };
}

function ports(raw: string): readonly number[] {
  const named = new Set(list(portNumber)(raw));
  if (named.size === 0) throw new Error("names no port");
  return [...named];
}

function blockedAddresses(raw: string): readonly string[] {
  const addresses = new Set(list(blockable)(raw));
  if (addresses.size === 0) throw new Error("names no address");
  return [...addresses];
}

function ipAddress(raw: string): string {
  const address = normalAddress(raw.trim());
  if (address === undefined) throw new Error("must be an IP address");
  return address;
}
