import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { readsTokenFile, takesEndpoint } from "../model/endpoint.ts";
import { envVar, type Container, type EnvVar, type VolumeMount } from "../model/pod.ts";
import { endpointVariables, type Endpoint } from "./endpoints.ts";
import { proxied } from "./proxy.ts";
import { hasOpenUid, type Presence } from "../decide/presence.ts";

/** What podrole changes in the user's containers. */

/**
 * Drops the capabilities that bypass the guard and, with an open uid, those with which a container could become that uid.
 * NET_RAW also reads what others of the pod send to the sidecar. Without a guard a container may add it, where separation.ts
 * does not deny that.
 */
export function confine(container: Container, presence: Presence): Container {
  const added = container.securityContext?.capabilities?.add ?? [];
  const wanted = [
    ...(presence.guard || (presence.sidecar && !added.includes("NET_RAW")) ? ["NET_RAW"] : []),
    ...(hasOpenUid(presence) ? ["SETUID", "SETGID"] : []),
  ];
  const context = container.securityContext ?? {};
  // Compared exactly, unlike what is added: containerd makes CAP_CAP_NET_RAW of `CAP_NET_RAW` and drops nothing.
  const present = new Set(context.capabilities?.drop ?? []);
  const missing = present.has("ALL") ? [] : wanted.filter((name) => !present.has(name));
  const escalation = hasOpenUid(presence) && context.allowPrivilegeEscalation !== false;
  if (missing.length === 0 && !escalation) return container;
  const drop = [...(context.capabilities?.drop ?? []), ...missing];
  return {
    ...container,
    securityContext: {
      ...context,
      ...(missing.length === 0 ? {} : { capabilities: { ...context.capabilities, drop } }),
      ...(escalation ? { allowPrivilegeEscalation: false } : {}),
    },
  };
}

/**
 * Gives the container's SDK the address of its credentials, and the token. The user's variables stay; see `shadowed` for the
 * warning.
 */
export function served(container: Container, endpoint: Endpoint): Container {
  const { region, emulated, mount } = endpoint;
  const added: EnvVar[] = takesEndpoint(container) ? [...endpointVariables(endpoint)] : [];
  if (region !== undefined && absent(container, [APP_ENV.region, APP_ENV.defaultRegion])) {
    added.push({ name: APP_ENV.region, value: region }, { name: APP_ENV.defaultRegion, value: region });
  }
  for (const [name, value] of [
    [APP_ENV.stsRegionalEndpoints, "regional"],
    ...(emulated ? [] : [[APP_ENV.metadataDisabled, "true"] as const]),
  ] as const) {
    if (absent(container, [name])) added.push({ name, value });
  }
  const env = proxied(container.env ?? [], emulated);
  const changed =
    added.length === 0 && env === container.env ? container : { ...container, env: [...env, ...added] };
  return mount === undefined ? changed : mounted(changed, mount);
}

const absent = (container: Container, names: readonly string[]): boolean =>
  names.every((name) => envVar(container, name) === undefined);

/** With the token's file, if the container's SDK reads it: with an endpoint of its own, it has no use for it. */
function mounted(container: Container, mount: VolumeMount): Container {
  const present = container.volumeMounts ?? [];
  return !readsTokenFile(container) || present.some(({ name }) => name === mount.name)
    ? container
    : { ...container, volumeMounts: [...present, mount] };
}
