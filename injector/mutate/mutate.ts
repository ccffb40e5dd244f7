import type { InjectorConfig } from "../config/installation.ts";
import { LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import type { Pod, Container, Volume } from "../model/pod.ts";
import type { Assigned } from "./assigned.ts";
import { tokensByContainer, ownContainers } from "./own-containers.ts";
import { served, confine } from "./user-container.ts";
import { keptOr } from "./own-content.ts";
import { annotated } from "./pod-annotations.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import type { Intent, SidecarIntent } from "../decide/intent.ts";
import { presenceOf } from "../decide/presence.ts";

/** Where the app's SDK finds its credentials. */
export const credentialsUri = ({ credentialsPort }: Pick<InjectorConfig, "credentialsPort">): string =>
  `http://${LOOPBACK}:${credentialsPort}${PATH.credentials}`;

/**
 * The pod with guard and sidecar. Pure and idempotent: it does not change its own output, and it moves guard and sidecar
 * back to the front if another webhook has put a container before them. Fields that it does not name are passed on by
 * reference.
 * @param own the tokens that the containers send to the sidecar, and the sidecar's uid
 */
export function mutate(pod: Pod, intent: Intent, config: InjectorConfig, own: Assigned): Pod {
  const { spec } = pod;
  const presence = presenceOf(intent, config);
  const tokenOf = tokensByContainer(intent, own.tokens);
  const user = (container: Container): Container => {
    const confined = confine(container, presence);
    const token = tokenOf.get(container.name);
    if (token === undefined) return confined;
    return served(confined, {
      uri: credentialsUri(config),
      token,
      region: intent.sidecar?.region,
      emulated: intent.imds !== undefined,
    });
  };
  const injected = ownContainers(pod, intent, config, own).map((container) =>
    keptOr(container, spec.initContainers ?? []),
  );
  const volumes = withOwnVolume(spec.volumes ?? [], ownVolume(intent.sidecar));
  return {
    ...pod,
    metadata: annotated(pod.metadata ?? {}, spec.containers[0]?.name, intent, config),
    spec: {
      ...spec,
      initContainers: [
        ...injected,
        ...(spec.initContainers ?? []).filter((container) => !isPodroleContainer(container)).map(user),
      ],
      containers: spec.containers.map(user),
      ...(volumes === undefined ? {} : { volumes }),
    },
  };
}

/** The volume that the sidecar's source needs, or undefined. */
export const ownVolume = (sidecar: SidecarIntent | undefined): Volume | undefined =>
  sidecar && SOURCE_KINDS[sidecar.source].volume?.volume;

/** Undefined if there is nothing to add. */
const withOwnVolume = (present: readonly Volume[], own: Volume | undefined): readonly Volume[] | undefined =>
  own === undefined || present.some(({ name }) => name === own.name) ? undefined : [...present, own];
