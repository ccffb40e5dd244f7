import { ENV } from "../contract/env.ts";
import { METADATA_ADDRESSES } from "../contract/metadata.ts";
import { CREDENTIALS_PORT, HEALTH_PORT, IMDS_PORT, TOKEN_VOLUME } from "../contract/pod.ts";
import type { Field } from "./env.ts";

/**
 * What guard and sidecar assume where a variable is absent. The injector does not write a variable with such a value: etcd
 * stores every pod, and the API server sends it to everybody who watches pods.
 */
export const DEFAULTS = {
  [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
  [ENV.guard]: "block",
  [ENV.egressHook]: "require",
  [ENV.sidecarPorts]: String(CREDENTIALS_PORT),
  [ENV.imds]: "block",
  [ENV.imdsPort]: String(IMDS_PORT),
  [ENV.imdsV1]: "denied",
  /** Where the kubelet makes the file that `kubectl describe pod` shows. */
  [ENV.terminationLog]: "/dev/termination-log",
  [ENV.source]: "web-identity",
  [ENV.sessionName]: "{namespace}.{pod}",
  [ENV.webIdentityTokenFile]: `${TOKEN_VOLUME.mountPath}/${TOKEN_VOLUME.file}`,
  [ENV.start]: "wait",
  [ENV.startTimeoutSeconds]: "30",
  [ENV.port]: String(CREDENTIALS_PORT),
  [ENV.healthPort]: String(HEALTH_PORT),
  [ENV.logLevel]: "info",
} as const satisfies Readonly<Record<string, string>>;

/** A variable that stands for its default where it is absent or empty. */
export const defaulted = <T>(name: keyof typeof DEFAULTS, parse: (raw: string) => T): Field<T> => ({
  name,
  parse,
  assumed: DEFAULTS[name],
});
