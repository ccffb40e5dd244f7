import type { InjectorConfig } from "../config/installation.ts";
import { readOnlyThroughout } from "../model/node-mounts.ts";
import type { Pod, Container } from "../model/pod.ts";
import type { Assigned } from "./assigned.ts";
import { endpointsByContainer } from "./endpoints.ts";
import { ownContainers } from "./own-containers.ts";
import { withOwnVolumes } from "./own-volumes.ts";
import { served, confine } from "./user-container.ts";
import { keptOr } from "./own-content.ts";
import { annotated } from "./pod-annotations.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import type { Intent } from "../decide/intent.ts";
import { presenceOf } from "../decide/presence.ts";
import { isTrustedMeshInit, meshTrust } from "../decide/baseline/mesh-init.ts";

/**
 * The pod with guard and sidecar. Pure and idempotent: it does not change its own output, and it moves guard and sidecar
 * back to the front if another webhook has put a container before them. Fields that it does not name are passed on by
 * reference.
 * @param own the tokens that the containers send to the sidecar, the sidecar's uid, and whether it is the guard too
 */
export function mutate(pod: Pod, intent: Intent, config: InjectorConfig, own: Assigned): Pod {
  const { spec } = pod;
  const presence = presenceOf(intent, config);
  const endpoints = endpointsByContainer(intent, own.tokens, config);
  const ofNode = readOnlyThroughout(spec.volumes ?? []);
  const meshes = meshTrust(config, presence);
  const user = (container: Container): Container => {
    const confined = isTrustedMeshInit(container, pod, meshes)
      ? container
      : ofNode(confine(container, presence));
    const endpoint = endpoints.get(container.name);
    return endpoint === undefined ? confined : served(confined, endpoint);
  };
  const injected = ownContainers(pod, intent, config, own).map((container) =>
    keptOr(container, spec.initContainers ?? []),
  );
  const volumes = withOwnVolumes(spec.volumes, intent);
  return {
    ...pod,
    metadata: annotated(pod.metadata ?? {}, spec.containers[0]?.name, injected, intent, config),
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
