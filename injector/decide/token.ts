import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { annotation } from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { inFile, TOKEN_MODES, type TokenMode } from "../model/token-mode.ts";
import { userContainers } from "../model/user-containers.ts";
import type { IdentityIntent } from "./identities.ts";
import { blockedTokenMounts } from "./token-mounts.ts";

/** How the pod's containers get their token, and what prevents it. */
export function intendToken(
  pod: Pod,
  identities: readonly Pick<IdentityIntent, "containers">[],
  config: Pick<InjectorConfig, "token">,
): { readonly mode: TokenMode; readonly findings: readonly Finding[] } {
  const { mode, findings } = tokenMode(pod, config);
  if (!inFile(mode)) return { mode, findings };
  const served = new Set(identities.flatMap(({ containers }) => containers));
  const containers = userContainers(pod).filter(({ name }) => served.has(name));
  return { mode, findings: [...findings, ...blockedTokenMounts(pod, containers)] };
}

/** What the pod asks for, if the setting allows it, else the setting. */
function tokenMode(
  { metadata }: Pod,
  { token: setting }: Pick<InjectorConfig, "token">,
): { readonly mode: TokenMode; readonly findings: readonly Finding[] } {
  const wanted = annotation(metadata?.annotations, ANNOTATION.token);
  if (wanted === undefined) return { mode: setting, findings: [] };
  const mode = TOKEN_MODES.find((one) => one === wanted);
  if (mode === undefined) {
    const message = `The annotation ${ANNOTATION.token} is ${JSON.stringify(wanted.slice(0, 60))}.`;
    const remedy = `Set it to ${TOKEN_MODES.join(", ")}, or remove it.`;
    return { mode: setting, findings: [finding("ANNOTATION_INVALID", message, remedy)] };
  }
  if (setting === "both" || setting === mode) return { mode, findings: [] };
  const message = `The annotation ${ANNOTATION.token} is ${mode}, and this cluster allows only ${setting}.`;
  const remedy = `Remove it, or ask a cluster admin to set token to both in podrole-config.`;
  return { mode: setting, findings: [finding("TOKEN_NOT_ALLOWED", message, remedy)] };
}
