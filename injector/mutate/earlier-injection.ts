import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { settingsMark } from "../config/settings-mark.ts";
import { envVar, type Container, type Pod } from "../model/pod.ts";
import { isRecord, own } from "../model/read.ts";
import { isPodroleContainer } from "../model/user-containers.ts";
import { isIdentityVolume } from "../model/identity-volumes.ts";
import { ENDPOINT_VARIABLES, readsTokenFile } from "../model/endpoint.ts";
import { isOwnVolume } from "../decide/own-volume.ts";
import { hashesIn, sha256 } from "./token.ts";

/**
 * The pod as it was before an injector of another version, or with other settings, patched it; undefined if its status
 * names no such injector. During a roll-out the API server may call an old replica first and then a new one for the same
 * pod. Without this, the new replica would deny the pod. The status can be forged, but that gains nothing: guard, sidecar
 * and volumes are removed here and written again.
 */
export function withoutEarlierInjection(pod: Pod, config: InjectorConfig): Pod | undefined {
  const { [ANNOTATION.status]: status, ...annotations } = pod.metadata?.annotations ?? {};
  if (typeof status !== "string" || isOfThese(status, config)) return undefined;
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

function isOfThese(status: string, config: InjectorConfig): boolean {
  let written: unknown;
  try {
    written = JSON.parse(status);
  } catch {
    // No version writes such a status, so it does not prove another injector.
    return true;
  }
  if (!isRecord(written)) return true;
  return own(written, "version") === config.version && own(written, "settings") === settingsMark(config);
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
