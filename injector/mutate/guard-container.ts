import type { InjectorConfig } from "../config/installation.ts";
import { variablesOf } from "../config/variables.ts";
import { type Container, type EnvVar, literal, fieldVar } from "../model/pod.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { CONTAINER, COMMAND } from "../../sidecar/contract/pod.ts";
import type { Assigned } from "./assigned.ts";
import { ownContainer, ownSecurity } from "./own-container.ts";
import { withoutDefaults } from "./own-env.ts";
import { noApiTokenMount } from "../model/no-api-token.ts";
import { imdsMode } from "./imds-env.ts";
import type { Intent } from "../decide/intent.ts";
import { hasOpenUid, presenceOf } from "../decide/presence.ts";

/**
 * The ports at which the sidecar gives credentials, comma-separated. Not the one of health and metrics, which gives none: other
 * pods can reach it, and if they flood it, the kernel answers without a socket (SYN cookies), so by no uid. The guard would drop
 * that, and the hook `wait` of a starting pod would wait in vain.
 */
const portsOf = ({ credentialsPort, imdsPort }: InjectorConfig, { imds }: Intent): string =>
  [credentialsPort, ...(imds === undefined ? [] : [imdsPort])].join(",");

/** @param ids the sidecar's, if there is one */
export function guardContainer(
  config: InjectorConfig,
  intent: Intent,
  ids: Pick<Assigned, "uid" | "gid">,
): Container {
  const { command, env, securityContext } =
    intent.guard === "verify" ? verifying(config, ids) : blocking(config, intent, ids);
  const variables = withoutDefaults(env);
  return {
    name: CONTAINER.guard,
    ...ownContainer(config),
    command: [...command],
    // The API server stores no empty list.
    ...(variables.length === 0 ? {} : { env: variables }),
    resources: intent.resources[CONTAINER.guard],
    securityContext,
    volumeMounts: [noApiTokenMount],
  };
}

interface GuardForm {
  readonly command: readonly string[];
  readonly env: readonly EnvVar[];
  readonly securityContext: ReturnType<typeof ownSecurity>;
}

/**
 * Root with NET_ADMIN and nothing else is the tightest that works: a non-root guard would need privilege escalation
 * for its file capability (measured on a kubelet). iptables-legacy is the exception: it talks to the kernel over a raw
 * socket, so for nodes without nf_tables an administrator may give the guard NET_RAW too.
 */
function blocking(config: InjectorConfig, intent: Intent, { uid }: Pick<Assigned, "uid">): GuardForm {
  const openUid = hasOpenUid(presenceOf(intent, config)) ? [literal(ENV.openUid, String(uid))] : [];
  const sidecar = intent.sidecar && [
    literal(ENV.sidecarUid, String(uid)),
    literal(ENV.sidecarPorts, portsOf(config, intent)),
  ];
  return {
    command: COMMAND.guard,
    env: [
      ...openUid,
      ...(sidecar ?? []),
      ...settingsOf(config),
      literal(ENV.egressHook, config.egressHook),
      ...(intent.imds === undefined ? [] : imdsMode(config)),
      fieldVar(ENV.podIp, "status.podIP"),
      fieldVar(ENV.hostIp, "status.hostIP"),
    ],
    securityContext: ownSecurity(0, 0, {
      add: ["NET_ADMIN", ...(config.guardNetRaw ? ["NET_RAW"] : [])],
      drop: ["ALL"],
    }),
  };
}

/**
 * Needs no right at all, so it has the sidecar's ids, which Pod Security level `restricted` admits. In a service mesh, the group also takes
 * the guard's connections past the mesh's proxy, which does not run yet and so would seem to be a wall.
 */
const verifying = (config: InjectorConfig, { uid, gid }: Pick<Assigned, "uid" | "gid">): GuardForm => ({
  command: COMMAND.verify,
  env: settingsOf(config),
  securityContext: ownSecurity(uid, gid, { drop: ["ALL"] }),
});

const settingsOf = (config: InjectorConfig): readonly EnvVar[] =>
  variablesOf("guard", config).map(([name, value]) => literal(name, value));
