import { type Pod, type Container, envVar } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { hashesIn, tokenHash } from "./token.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { userContainers } from "../model/user-containers.ts";
import { takesEndpoint } from "../model/endpoint.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { Assigned } from "./assigned.ts";
import { guardAndSidecar } from "./guard-and-sidecar.ts";
import { guardContainer } from "./guard-container.ts";
import { sidecarContainer } from "./sidecar-container.ts";
import type { Intent } from "../decide/intent.ts";

/** Guard and sidecar as this version writes them. */
export function ownContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  { tokens, uid, gid, isOne }: Assigned,
): readonly Container[] {
  const { guard, sidecar } = intent;
  const hashes = hashesIn(pod);
  const hashOf = ({ name, containers }: IdentityIntent): string | undefined => {
    const token = tokens.get(name);
    if (token === undefined) return undefined;
    const names = new Set(containers);
    const presented = userContainers(pod).some(
      (container) =>
        names.has(container.name) &&
        (takesEndpoint(container) || envVar(container, APP_ENV.token)?.value === token),
    );
    return tokenHash(pod, hashes.get(name), token, presented);
  };
  const own = {
    guard: guard ? [guardContainer(config, intent, uid)] : [],
    sidecar: sidecar ? [sidecarContainer(config, intent, sidecar, hashOf, { uid, gid })] : [],
  };
  const [[asGuard], [asSidecar]] = [own.guard, own.sidecar];
  return isOne && asGuard !== undefined && asSidecar !== undefined
    ? [guardAndSidecar(asGuard, asSidecar)]
    : [...own.guard, ...own.sidecar];
}
