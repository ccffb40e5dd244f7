import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import { userContainers } from "../model/user-containers.ts";
import { type Pod } from "../model/pod.ts";

/** Other webhooks' annotations separate names by comma or by semicolon. */
const namesIn = (pod: Pod, key: string): ReadonlySet<string> | undefined => {
  const raw = pod.metadata?.annotations?.[key];
  if (raw == null) return undefined;
  // A set: an object that is yet to be validated may hold a hundred thousand names.
  return new Set(
    raw
      .split(/[,;]/)
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
};

/** Whether a container of this name gets credentials, by the pod's two annotations; any does where neither is set. */
export function exposes(pod: Pod): (name: string) => boolean {
  const only = namesIn(pod, ANNOTATION.containers);
  const not = namesIn(pod, ANNOTATION.skipContainers);
  return (name) => (only?.has(name) ?? true) && not?.has(name) !== true;
}

/** The names of the user's containers that get credentials. A name that the pod does not have is refused. */
export function exposedContainers(pod: Pod): {
  readonly exposed: readonly string[];
  readonly findings: readonly Finding[];
} {
  const names = userContainers(pod).map(({ name }) => name);
  const known = new Set(names);
  // Built once, not for each unknown name: there may be very many of both.
  const remedy = `The pod's containers are ${names.join(", ").slice(0, 400)}.`;
  const findings = [ANNOTATION.containers, ANNOTATION.skipContainers].flatMap((key) =>
    [...(namesIn(pod, key) ?? [])]
      .filter((name) => !known.has(name))
      .map((name) => {
        const message = `The annotation ${key} names ${JSON.stringify(name.slice(0, 80))}, which is not a container of the pod.`;
        return finding("CONTAINER_UNKNOWN", message, remedy);
      }),
  );
  return { exposed: names.filter(exposes(pod)), findings };
}
