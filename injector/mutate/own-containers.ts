import { type Pod, type Container, envVar } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { hashesIn, tokenHash } from "./token.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { isPodroleContainer, userContainers } from "../model/user-containers.ts";
import { takesEndpoint } from "../model/endpoint.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { Assigned } from "./assigned.ts";
import { guardAndSidecar, presentForm } from "./guard-and-sidecar.ts";
import { guardContainer } from "./guard-container.ts";
import { sidecarContainer } from "./sidecar-container.ts";
import { earlierGid, presentUid } from "./sidecar-uid.ts";
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
    guard: guard ? [guardContainer(config, intent, { uid, gid })] : [],
    sidecar: sidecar ? [sidecarContainer(config, intent, sidecar, hashOf, { uid, gid })] : [],
  };
  const [[asGuard], [asSidecar]] = [own.guard, own.sidecar];
  return isOne && asGuard !== undefined && asSidecar !== undefined
    ? [guardAndSidecar(asGuard, asSidecar)]
    : [...own.guard, ...own.sidecar];
}

/**
 * Guard and sidecar as an earlier pass wrote them into the pod, to be compared with those that it has; empty if it has none. They
 * have the uid and gid that are there: where another container names that uid by now, or a mesh has come with a proxy of another
 * group, podrole writes them anew. The form may be another one, too.
 */
export const writtenContainers = (
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  own: Assigned,
): readonly Container[] =>
  (pod.spec.initContainers ?? []).some(isPodroleContainer)
    ? ownContainers(pod, intent, config, {
        ...own,
        uid: presentUid(pod) ?? own.uid,
        gid: earlierGid(pod) ?? own.gid,
        isOne: presentForm(pod, config, own.isOne),
      })
    : [];
