import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { envVar, type Container, type EnvVar } from "../model/pod.ts";
import { proxied } from "./proxy.ts";
import { hasOpenUid, type Presence } from "../decide/presence.ts";

/** What podrole changes in the user's containers. */

/** Drops the capabilities that bypass the guard and, with an open uid, those with which a container could become that uid. */
export function confine(container: Container, presence: Presence): Container {
  const wanted = [
    ...(presence.guard ? ["NET_RAW"] : []),
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

/** The address of the credentials, and the token to send there. */
export interface Endpoint {
  readonly uri: string;
  readonly token: string;
  readonly region: string | undefined;
  /** Whether the sidecar stands in for the metadata service, so that SDKs may ask that as well. */
  readonly emulated: boolean;
}

const absent = (container: Container, names: readonly string[]): boolean =>
  names.every((name) => envVar(container, name) === undefined);

/** Address and token belong together, as do the two regions: one from the user and one from podrole would not work. */
export const takesEndpoint = (container: Container): boolean =>
  absent(container, [APP_ENV.fullUri, APP_ENV.token]);

/** Gives the container's SDK the address of its credentials. The user's variables stay; see `shadowed` for the warning. */
export function served(container: Container, { uri, token, region, emulated }: Endpoint): Container {
  const added: EnvVar[] = [];
  if (takesEndpoint(container)) {
    added.push({ name: APP_ENV.fullUri, value: uri }, { name: APP_ENV.token, value: token });
  }
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
  return added.length === 0 && env === container.env ? container : { ...container, env: [...env, ...added] };
}
