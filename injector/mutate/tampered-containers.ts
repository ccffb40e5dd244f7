import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { APPARMOR_ANNOTATION } from "../decide/baseline/profile-checks.ts";
import type { Container, Pod } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Assigned } from "./assigned.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ownShortfalls } from "../model/own-resources.ts";
import { isPodroleContainer, userContainers } from "../model/user-containers.ts";
import { sameContent, differingFields } from "./own-content.ts";
import { endpointsByContainer } from "./endpoints.ts";
import { foreignTokenMounts, isSameVolume, ownVolumes } from "./own-volumes.ts";
import { isOwnVolume } from "../decide/own-volume.ts";
import type { Intent } from "../decide/intent.ts";

/**
 * Containers and volumes with podrole's names and other content, and mounts of an identity's token that podrole would not
 * write. Compared by content, never by a marker or a name alone, since a pod's author can write both.
 * @param pod without what others have added to guard and sidecar
 * @param expected guard and sidecar as an earlier pass wrote them
 */
export function tamperedContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  { tokens }: Assigned,
  expected: readonly Container[],
): readonly Finding[] {
  const present = (pod.spec.initContainers ?? []).filter(isPodroleContainer);
  const containers = present.flatMap((container, index) => {
    const ours = expected.find(({ name }) => name === container.name);
    const twice = present.findIndex(({ name }) => name === container.name) !== index;
    if (ours !== undefined && !twice && sameContent(container, ours)) return belowFloor(container, pod);
    const fields = ours === undefined ? [] : differingFields(container, ours);
    const what = ours === undefined ? "this pod should have none" : listed(fields) || "it is there twice";
    const message = `Init container ${container.name} differs from what this version of podrole writes (${what}).`;
    return [finding("INJECTED_DIFFERENTLY", message, `${REMEDY} ${forWebhooks(fields)}`)];
  });
  const written = new Map(ownVolumes(intent).map((volume) => [volume.name, volume]));
  const volumes = (pod.spec.volumes ?? [])
    .filter((one) => isOwnVolume(one) && !isSameVolume(one, written.get(one.name)))
    .map(({ name }) =>
      finding(
        "INJECTED_DIFFERENTLY",
        `Volume ${JSON.stringify(name.slice(0, 80))} differs from what this version of podrole writes.`,
        REMEDY,
      ),
    );
  const endpoints = endpointsByContainer(intent, tokens, config);
  const mounts = [...userContainers(pod), ...(pod.spec.ephemeralContainers ?? [])].flatMap((one) =>
    foreignTokenMounts(one, endpoints.get(one.name)?.mount),
  );
  return [...containers, ...profilesByAnnotation(pod, intent), ...volumes, ...mounts];
}

const REMEDY = "Delete it from the manifest: podrole adds it itself.";

const FIELDS_MAX = 8;
const listed = (fields: readonly string[]): string =>
  [
    ...fields.slice(0, FIELDS_MAX).map((field) => field.slice(0, 60)),
    ...(fields.length > FIELDS_MAX ? [`${fields.length - FIELDS_MAX} more`] : []),
  ].join(", ");

/** Additions of other webhooks are taken off again. These have changed something. */
const forWebhooks = (fields: readonly string[]): string =>
  fields.includes("image")
    ? "If another webhook rewrites images, set podrole's setting image to what that webhook writes, or exclude the container there."
    : "If another webhook changed it, exclude the container there.";

/** API servers copy the annotation into the container's security context after all webhooks. */
function profilesByAnnotation({ metadata }: Pod, { guard, sidecar }: Intent): readonly Finding[] {
  const written = [...(guard ? [CONTAINER.guard] : []), ...(sidecar ? [CONTAINER.sidecar] : [])];
  return written
    .map((name) => `${APPARMOR_ANNOTATION}${name}`)
    .filter((key) => metadata?.annotations?.[key] != null)
    .map((key) =>
      finding(
        "INJECTED_DIFFERENTLY",
        `The annotation ${key} gives podrole's container an AppArmor profile.`,
        "Remove the annotation. If another webhook adds it, exclude the container there.",
      ),
    );
}

const belowFloor = (container: Container, { spec }: Pod): readonly Finding[] =>
  ownShortfalls(container, spec).map(({ of, place, amount, floor }) =>
    finding(
      "RESOURCES_BELOW_FLOOR",
      `Init container ${of} has ${amount === undefined ? `no ${place}` : `${place} ${amount}`}, and it needs at least ${floor}.`,
      `Leave it at ${floor} or more, or delete the container from the manifest: podrole adds it itself.`,
    ),
  );
