import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { finding, type Finding } from "../model/findings.ts";
import { userContainers } from "../model/user-containers.ts";
import { envVar, type Container, type Pod } from "../model/pod.ts";

/** Peers separate by comma or by semicolon. */
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

/** The names of the user's containers that get credentials; one that the annotations name and the pod lacks is refused. */
export function exposedContainers(pod: Pod): {
  readonly exposed: readonly string[];
  readonly findings: readonly Finding[];
} {
  const names = userContainers(pod).map(({ name }) => name);
  const known = new Set(names);
  const findings = [ANNOTATION.containers, ANNOTATION.skipContainers].flatMap((key) =>
    [...(namesIn(pod, key) ?? [])]
      .filter((name) => !known.has(name))
      .map((name) => {
        const message = `The annotation ${key} names ${JSON.stringify(name.slice(0, 80))}, which is no container of the pod.`;
        return finding("CONTAINER_UNKNOWN", message, `Its containers are ${names.join(", ").slice(0, 400)}.`);
      }),
  );
  return { exposed: names.filter(exposes(pod)), findings };
}

/** Variables that come before the container credentials in the default chain of most SDKs. */
const SHADOWS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_PROFILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_CONFIG_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/**
 * Says where the user's own variables win over the sidecar. They do win: podrole never overwrites what a manifest
 * says, and a pod that quietly runs as somebody else is what this warning is for.
 * @param ours the address and token this pod's sidecar is given; anything else under those names is the user's
 */
export function shadowed(
  container: Container,
  ours: { readonly uri: string; readonly token: string },
): readonly Finding[] {
  const foreign = (name: string, value: string): boolean => {
    const variable = envVar(container, name);
    return variable !== undefined && variable.value !== value;
  };
  const names = [
    ...SHADOWS.filter((name) => envVar(container, name) !== undefined),
    ...(foreign(APP_ENV.fullUri, ours.uri) ? [APP_ENV.fullUri] : []),
    ...(foreign(APP_ENV.token, ours.token) ? [APP_ENV.token] : []),
  ];
  return names.map((name) =>
    finding(
      "CREDENTIALS_SHADOWED",
      `Container ${JSON.stringify(container.name)} sets ${name}, which wins over the pod's role.`,
      `Take ${name} off the container to use the role.`,
    ),
  );
}
