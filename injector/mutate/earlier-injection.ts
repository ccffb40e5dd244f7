import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { settingsMark } from "../config/settings-mark.ts";
import { envVar, type Container, type Pod } from "../model/pod.ts";
import { isRecord, own } from "../model/read.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { isIdentityVolume } from "../model/identity-volumes.ts";
import { ENDPOINT_VARIABLES, readsTokenFile } from "../model/endpoint.ts";
import { isOwnVolume } from "../decide/own-volume.ts";
import { guardInStatus } from "./pod-annotations.ts";
import { hashesIn, sha256 } from "./token.ts";

/**
 * The pod as it was before an injector of another version, with other settings or in another mode of the guard patched it; undefined
 * if its status names no such injection. During a roll-out the API server may call an old replica first and then a new one for the same
 * pod, and an admin may label its namespace in between. Without this, the second call would deny the pod. The status can be forged, but
 * that gains nothing: guard, sidecar and volumes are removed here and written again.
 * @param guard the mode in which the pod is to be guarded; undefined: not at all
 */
export function withoutEarlierInjection(
  pod: Pod,
  config: InjectorConfig,
  guard: GuardMode | undefined,
): Pod | undefined {
  const { [ANNOTATION.status]: status, ...annotations } = pod.metadata?.annotations ?? {};
  if (typeof status !== "string" || isOfThese(status, config, guard)) return undefined;
  const { spec } = pod;
  const hashes = new Set(hashesIn(pod).values());
  const user = (container: Container): Container => withoutEndpoint(container, hashes);
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec: {
      ...spec,
      initContainers: (spec.initContainers ?? []).filter((one) => !isPodroleContainer(one)).map(user),
      containers: spec.containers.map(user),
      ...(spec.volumes ? { volumes: spec.volumes.filter((one) => !isOwnVolume(one)) } : {}),
    },
  };
}

function isOfThese(status: string, config: InjectorConfig, guard: GuardMode | undefined): boolean {
  let written: unknown;
  try {
    written = JSON.parse(status);
  } catch {
    // No version writes such a status, so it does not prove another injector.
    return true;
  }
  if (!isRecord(written)) return true;
  return (
    own(written, "version") === config.version &&
    own(written, "settings") === settingsMark(config) &&
    own(written, "guard") === guardInStatus(guard)
  );
}

/** Removes the address and token of that injection. The user's own values stay. */
function withoutEndpoint(container: Container, hashes: ReadonlySet<string>): Container {
  const { volumeMounts, ...rest } = container;
  const token = envVar(container, APP_ENV.token)?.value;
  const isWritten = readsTokenFile(container) || (typeof token === "string" && hashes.has(sha256(token)));
  const kept = volumeMounts?.filter(({ name }) => !isIdentityVolume(name)) ?? [];
  return {
    ...rest,
    ...(kept.length === 0 ? {} : { volumeMounts: kept }),
    ...(isWritten
      ? { env: (container.env ?? []).filter(({ name }) => !ENDPOINT_VARIABLES.includes(name)) }
      : {}),
  };
}
