import type { InjectorConfig } from "../config/installation.ts";
import { variablesOf } from "../config/variables.ts";
import { type Container, literal, fieldVar } from "../model/pod.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { CONTAINER, COMMAND } from "../../sidecar/contract/pod.ts";
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

/**
 * Root with NET_ADMIN and nothing else is the tightest that works: a non-root guard would need privilege escalation
 * for its file capability (measured on a kubelet). iptables-legacy is the exception: it talks to the kernel over a raw
 * socket, so for nodes without nf_tables an administrator may give the guard NET_RAW too.
 * @param uid the sidecar's
 */
export function guardContainer(config: InjectorConfig, intent: Intent, uid: number): Container {
  const openUid = hasOpenUid(presenceOf(intent, config)) ? [literal(ENV.openUid, String(uid))] : [];
  const sidecar = intent.sidecar && [
    literal(ENV.sidecarUid, String(uid)),
    literal(ENV.sidecarPorts, portsOf(config, intent)),
  ];
  return {
    name: CONTAINER.guard,
    ...ownContainer(config),
    command: [...COMMAND.guard],
    env: withoutDefaults([
      ...openUid,
      ...(sidecar ?? []),
      ...variablesOf("guard", config).map(([name, value]) => literal(name, value)),
      ...(intent.imds === undefined ? [] : imdsMode(config)),
      fieldVar(ENV.podIp, "status.podIP"),
      fieldVar(ENV.hostIp, "status.hostIP"),
    ]),
    resources: intent.resources[CONTAINER.guard],
    securityContext: ownSecurity(0, 0, {
      add: ["NET_ADMIN", ...(config.guardNetRaw ? ["NET_RAW"] : [])],
      drop: ["ALL"],
    }),
    volumeMounts: [noApiTokenMount],
  };
}
