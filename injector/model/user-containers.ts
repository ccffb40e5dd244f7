import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Container, Pod } from "./pod.ts";

export const isPodroleContainer = (container: Container): boolean =>
  container.name === CONTAINER.guard || container.name === CONTAINER.sidecar;

/** The user's containers that start with the pod, in order. */
export const userContainers = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []).filter((container) => !isPodroleContainer(container)),
  ...spec.containers,
];
