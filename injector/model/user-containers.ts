import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Container, Pod } from "./pod.ts";

export const isPodroleName = (name: string): boolean =>
  name === CONTAINER.guard || name === CONTAINER.sidecar;

export const isPodroleContainer = ({ name }: Container): boolean => isPodroleName(name);

/** The user's containers that start with the pod, in order. */
export const userContainers = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []).filter((container) => !isPodroleContainer(container)),
  ...spec.containers,
];
