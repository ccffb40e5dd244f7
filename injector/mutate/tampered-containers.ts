import type { Container, Pod } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Assigned } from "./assigned.ts";
import { presentForm } from "./guard-and-sidecar.ts";
import { earlierGid, presentUid } from "./sidecar-uid.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ownShortfalls } from "../model/own-resources.ts";
import { ownContainers } from "./own-containers.ts";
import { isPodroleContainer, userContainers } from "../model/user-containers.ts";
import { sameContent, difference } from "./own-content.ts";
import { endpointsByContainer } from "./endpoints.ts";
import { foreignTokenMounts, isSameVolume, ownVolumes } from "./own-volumes.ts";
import { isOwnVolume } from "../decide/own-volume.ts";
import type { Intent } from "../decide/intent.ts";

/**
 * Containers and volumes with podrole's names and other content, and mounts of an identity's token that podrole would not
 * write. Compared by content, never by a marker or a name alone, since a pod's author can write both.
 */
export function tamperedContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  own: Assigned,
): readonly Finding[] {
  const remedy = "Delete it from the manifest: podrole adds it itself.";
  const present = (pod.spec.initContainers ?? []).filter(isPodroleContainer);
  const expected = present.length === 0 ? [] : expectedContainers(pod, intent, config, own);
  const containers = present.flatMap((container, index) => {
    const ours = expected.find(({ name }) => name === container.name);
    const twice = present.findIndex(({ name }) => name === container.name) !== index;
    if (ours !== undefined && !twice && sameContent(container, ours)) return belowFloor(container);
    const message = `Init container ${container.name} differs from what this version of podrole writes${difference(container, ours)}.`;
    return [finding("INJECTED_DIFFERENTLY", message, remedy)];
  });
  const written = new Map(ownVolumes(intent).map((volume) => [volume.name, volume]));
  const volumes = (pod.spec.volumes ?? [])
    .filter((one) => isOwnVolume(one) && !isSameVolume(one, written.get(one.name)))
    .map(({ name }) =>
      finding(
        "INJECTED_DIFFERENTLY",
        `Volume ${JSON.stringify(name.slice(0, 80))} differs from what this version of podrole writes.`,
        remedy,
      ),
    );
  const endpoints = endpointsByContainer(intent, own.tokens, config);
  const mounts = [...userContainers(pod), ...(pod.spec.ephemeralContainers ?? [])].flatMap((one) =>
    foreignTokenMounts(one, endpoints.get(one.name)?.mount),
  );
  return [...containers, ...volumes, ...mounts];
}

/**
 * With the uid and gid that it has: where another container names that uid by now, or a mesh has come with a proxy of another group,
 * podrole writes them anew. The form may be another one, too.
 */
const expectedContainers = (
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  own: Assigned,
): readonly Container[] =>
  ownContainers(pod, intent, config, {
    ...own,
    uid: presentUid(pod) ?? own.uid,
    gid: earlierGid(pod) ?? own.gid,
    isOne: presentForm(pod, config, own.isOne),
  });

const belowFloor = (container: Container): readonly Finding[] =>
  ownShortfalls(container).map(({ of, place, amount, floor }) =>
    finding(
      "RESOURCES_BELOW_FLOOR",
      `Init container ${of} has ${amount === undefined ? `no ${place}` : `${place} ${amount}`}, and it needs at least ${floor}.`,
      `Leave it at ${floor} or more, or delete the container from the manifest: podrole adds it itself.`,
    ),
  );
