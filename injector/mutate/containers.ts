import { ENV } from "../../sidecar/contract/env.ts";
import type { Identity, Source } from "../../sidecar/contract/session.ts";
import { COMMAND, CONTAINER, SIDECAR_UID, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Intent, SidecarIntent } from "../decide/decide.ts";
import { imdsEnv, imdsMode } from "./imds-env.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { fieldVar, type Container, type EnvVar, type Volume } from "../model/pod.ts";

/**
 * The two containers and the volume, every field written out: nothing is inherited from the pod, and what the API
 * server would fill in stands here already, so that a second look can compare by content.
 */

const TERMINATION_LOG = "/dev/termination-log";

/** A literal for the kubelet, which expands `$(NAME)` in every value and takes `$$` for a dollar sign. */
const literal = (name: string, value: string): EnvVar => ({ name, value: value.replaceAll("$", "$$$$") });

const common = (config: InjectorConfig) => ({
  image: config.image,
  imagePullPolicy: config.imagePullPolicy,
  terminationMessagePath: TERMINATION_LOG,
  // The file is written in full sentences; the log's last line stands in where a container died too early to write.
  terminationMessagePolicy: "FallbackToLogsOnError",
});

/**
 * Root with NET_ADMIN and nothing else is the tightest that works: a non-root guard would need privilege escalation
 * for its file capability (measured on a kubelet). iptables-legacy is the exception: it talks to the kernel over a raw
 * socket, so for nodes without nf_tables an administrator may give the guard NET_RAW too.
 */
export function guardContainer(config: InjectorConfig, intent: Intent): Container {
  const openUid = intent.sidecar?.source === "node" ? [literal(ENV.openUid, String(SIDECAR_UID))] : [];
  return {
    name: CONTAINER.guard,
    ...common(config),
    command: [...COMMAND.guard],
    env: [
      literal(ENV.blockedAddresses, config.block.join(",")),
      ...openUid,
      literal(ENV.egressHook, config.egressHook),
      ...(intent.imds === undefined ? [] : imdsMode(config)),
      fieldVar(ENV.podIp, "status.podIP"),
      fieldVar(ENV.hostIp, "status.hostIP"),
      literal(ENV.terminationLog, TERMINATION_LOG),
    ],
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "128Mi" } },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ["NET_ADMIN", ...(config.guardNetRaw ? ["NET_RAW"] : [])], drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

/** @param hashOf the SHA-256, in hex, of an identity's token; the token itself is for the app's containers alone */
export function sidecarContainer(
  config: InjectorConfig,
  intent: Intent,
  sidecar: SidecarIntent,
  hashOf: (identity: IdentityIntent) => string,
): Container {
  const identities: readonly Identity[] = sidecar.identities.map((identity) => ({
    name: identity.name,
    tokenSha256: hashOf(identity),
    steps: identity.steps,
  }));
  return {
    name: CONTAINER.sidecar,
    ...common(config),
    command: [...COMMAND.serve],
    restartPolicy: "Always",
    env: [
      literal(ENV.source, sidecar.source),
      literal(ENV.identities, JSON.stringify(identities)),
      literal(ENV.sessionName, sidecar.sessionName),
      literal(ENV.region, sidecar.stsRegion),
      ...(config.stsEndpoint === undefined ? [] : [literal(ENV.stsEndpoint, config.stsEndpoint)]),
      ...(config.stsFips ? [literal(ENV.stsFips, "true")] : []),
      ...(config.stsDualStack ? [literal(ENV.stsDualStack, "true")] : []),
      ...(config.stsCa === undefined ? [] : [literal(ENV.stsCa, config.stsCa)]),
      ...sourceEnv(sidecar.source, config.ambientSecret),
      // Absent without a guard, not empty: Go leaves an empty value out, and a second look would find another pod.
      ...(intent.guard ? [literal(ENV.blockedAddresses, config.block.join(","))] : []),
      ...(intent.imds === undefined ? [] : imdsEnv(intent.imds, sidecar, config)),
      literal(ENV.start, sidecar.start),
      literal(ENV.startTimeoutSeconds, String(config.startTimeout)),
      literal(ENV.port, String(config.credentialsPort)),
      literal(ENV.healthPort, String(config.healthPort)),
      literal(ENV.logLevel, config.sidecarLogLevel),
      literal(ENV.terminationLog, TERMINATION_LOG),
      fieldVar(ENV.namespace, "metadata.namespace"),
      fieldVar(ENV.serviceAccount, "spec.serviceAccountName"),
      fieldVar(ENV.podName, "metadata.name"),
      fieldVar(ENV.podUid, "metadata.uid"),
    ],
    lifecycle: { postStart: { exec: { command: [...COMMAND.wait] } } },
    resources: { requests: { cpu: "10m", memory: "96Mi" }, limits: { cpu: "1", memory: "192Mi" } },
    securityContext: {
      runAsUser: SIDECAR_UID,
      runAsGroup: SIDECAR_UID,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(sidecar.source === "web-identity"
      ? { volumeMounts: [{ name: TOKEN_VOLUME.name, mountPath: TOKEN_VOLUME.mountPath, readOnly: true }] }
      : {}),
  };
}

function sourceEnv(source: Source, ambientSecret: string | undefined): readonly EnvVar[] {
  switch (source) {
    case "web-identity":
      return [literal(ENV.webIdentityTokenFile, `${TOKEN_VOLUME.mountPath}/${TOKEN_VOLUME.file}`)];
    case "node":
      return [];
    case "ambient":
      return ambientSecret === undefined ? [] : AMBIENT_KEYS.map((key) => fromSecret(ambientSecret, key));
  }
}

/**
 * These keys alone. With the whole Secret as environment, whoever may write it in the pod's namespace could set
 * NODE_OPTIONS and run a program of his own in the sidecar.
 */
const AMBIENT_KEYS = [
  { key: "AWS_ACCESS_KEY_ID", optional: false },
  { key: "AWS_SECRET_ACCESS_KEY", optional: false },
  { key: "AWS_SESSION_TOKEN", optional: true },
] as const;

const fromSecret = (name: string, { key, optional }: (typeof AMBIENT_KEYS)[number]): EnvVar => ({
  name: key,
  valueFrom: { secretKeyRef: { name, key, ...(optional ? { optional } : {}) } },
});

/** The service account's token for STS, in the sidecar alone; the kubelet renews it at 80 % of its hour. */
export const tokenVolume = (): Volume => ({
  name: TOKEN_VOLUME.name,
  projected: {
    defaultMode: 0o644,
    sources: [
      {
        serviceAccountToken: {
          audience: TOKEN_VOLUME.audience,
          expirationSeconds: 3600,
          path: TOKEN_VOLUME.file,
        },
      },
    ],
  },
});
