import { RESERVED_PREFIX } from "../../sidecar/contract/pod.ts";
import { isReservedAudience, RESERVED_AUDIENCES } from "../model/audience.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { allContainers, type Container, type Pod, type Volume } from "../model/pod.ts";
import { fieldsIn, own, recordsIn } from "../model/read.ts";
import type { Presence } from "./presence.ts";
import { podLimits } from "./resources/pod-limits.ts";
import { containerHazards } from "./container-hazards.ts";
import { isOwnVolume } from "./own-volume.ts";

/**
 * Denies what Pod Security level `baseline` admits and guard and sidecar do not bear, in a pod that has one of them. With
 * baseline/ it is admission's part of deploy/docs/security.md. Pure.
 */
export const hazards = (pod: Pod, protect: Presence): readonly Finding[] => [
  ...sharedProcesses(pod, protect),
  ...reservedVolumes(pod),
  ...reservedAudiences(pod),
  ...podLimits(pod, protect),
  ...usersOf(pod).flatMap((container) => containerHazards(container, pod, protect)),
];

/** Every container of the pod but guard and sidecar, which have to be exactly as podrole writes them. */
export const usersOf = ({ spec }: Pod): readonly Container[] =>
  allContainers(spec)
    .filter(({ list, container }) => !(list === "initContainers" && isPodroleContainer(container)))
    .map(({ container }) => container);

const sharedProcesses = ({ spec }: Pod, { sidecar }: Presence): readonly Finding[] =>
  sidecar && spec.shareProcessNamespace === true
    ? [
        finding(
          "HOST_NAMESPACE",
          "The pod sets shareProcessNamespace, which exposes the memory and files of the sidecar.",
          "Remove shareProcessNamespace from the pod.",
        ),
      ]
    : [];

function reservedVolumes({ spec }: Pod): readonly Finding[] {
  return (
    (spec.volumes ?? [])
      // Those that podrole may have written are compared with what it writes: see tampered-containers.ts.
      .filter((volume) => volume.name.startsWith(RESERVED_PREFIX) && !isOwnVolume(volume))
      .map(({ name }) =>
        finding(
          "RESERVED_NAME",
          `The volume ${JSON.stringify(name)} uses a name that is reserved for podrole.`,
          "Rename the volume.",
        ),
      )
  );
}

/** The kubelet writes the same token wherever a pod asks for the same audience, and sidecar or broker would accept it. */
function reservedAudiences({ spec }: Pod): readonly Finding[] {
  const asksFor = (volume: Volume): boolean =>
    recordsIn(fieldsIn(volume, "projected"), "sources").some((source) => {
      const audience = own(fieldsIn(source, "serviceAccountToken"), "audience");
      return typeof audience === "string" && isReservedAudience(audience);
    });
  return (spec.volumes ?? [])
    .filter((volume) => !isOwnVolume(volume) && asksFor(volume))
    .map(({ name }) =>
      finding(
        "RESERVED_NAME",
        `The volume ${JSON.stringify(name)} asks for a token of an audience that is reserved for podrole.`,
        `Choose another audience: ${RESERVED_AUDIENCES} are reserved.`,
      ),
    );
}
