import { type Pod, type Container, envVar } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Tokens, hashesIn, tokenHash } from "./token.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { userContainers } from "../model/user-containers.ts";
import { takesEndpoint } from "./user-container.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { Assigned } from "./assigned.ts";
import { guardContainer } from "./guard-container.ts";
import { sidecarContainer } from "./sidecar-container.ts";
import type { Intent } from "../decide/intent.ts";

/** Guard and sidecar as this version writes them. */
export function ownContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  { tokens, uid }: Assigned,
): readonly Container[] {
  const { guard, sidecar } = intent;
  const hashes = hashesIn(pod);
  const hashOf = ({ name, containers }: IdentityIntent): string => {
    const token = tokens.get(name) ?? "";
    const names = new Set(containers);
    const presented = userContainers(pod).some(
      (container) =>
        names.has(container.name) &&
        (takesEndpoint(container) || envVar(container, APP_ENV.token)?.value === token),
    );
    return tokenHash(pod, hashes.get(name), token, presented);
  };
  return [
    ...(guard ? [guardContainer(config, intent, uid)] : []),
    ...(sidecar ? [sidecarContainer(config, intent, sidecar, hashOf, uid)] : []),
  ];
}

/** The token of each container, by its name. A container is in one identity at most. */
export function tokensByContainer({ sidecar }: Intent, tokens: Tokens): ReadonlyMap<string, string> {
  return new Map(
    (sidecar?.identities ?? []).flatMap(({ name, containers }) =>
      containers.map((container): [string, string] => [container, tokens.get(name) ?? ""]),
    ),
  );
}
