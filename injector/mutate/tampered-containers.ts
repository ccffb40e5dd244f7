import { isDeepStrictEqual } from "node:util";
import type { Pod } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import type { Tokens } from "./token.ts";
import { type Finding, finding } from "../model/findings.ts";
import { ownContainers } from "./own-containers.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { sameContent, difference } from "./own-content.ts";
import { ownVolume } from "./mutate.ts";
import { SOURCE_VOLUMES } from "../sources/sources.ts";
import type { Intent } from "../decide/intent.ts";

/**
 * Containers and volumes with podrole's names and other content. Compared by content, never by a marker or a name alone,
 * since a pod's author can write both.
 */
export function tamperedContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  tokens: Tokens,
): readonly Finding[] {
  const expected = ownContainers(pod, intent, config, tokens);
  const remedy = "Delete it from the manifest: podrole adds it itself.";
  const containers = (pod.spec.initContainers ?? [])
    .filter(isPodroleContainer)
    .flatMap((container, index, all) => {
      const ours = expected.find(({ name }) => name === container.name);
      const twice = all.findIndex(({ name }) => name === container.name) !== index;
      if (ours !== undefined && !twice && sameContent(container, ours)) return [];
      const message = `Init container ${container.name} differs from what this version of podrole writes${difference(container, ours)}.`;
      return [finding("INJECTED_DIFFERENTLY", message, remedy)];
    });
  const volume = ownVolume(intent.sidecar);
  const volumes = (pod.spec.volumes ?? [])
    .filter((one) => SOURCE_VOLUMES.has(one.name) && !isDeepStrictEqual(one, volume))
    .map(({ name }) =>
      finding(
        "INJECTED_DIFFERENTLY",
        `Volume ${name} differs from what this version of podrole writes.`,
        remedy,
      ),
    );
  return [...containers, ...volumes];
}
