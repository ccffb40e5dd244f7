import { ANNOTATION, APP_ENV } from "../sidecar/contract.ts";
import { finding, type Finding } from "./findings.ts";
import { isOurs } from "./harden.ts";
import { envVar, type Container, type Pod } from "./pod.ts";

/** The user's containers that start with the pod, in order. */
export const userContainers = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []).filter((container) => !isOurs(container)),
  ...spec.containers,
];

/** Which containers get credentials, by the pod's two annotations; all of the user's where neither is set. */
export function exposedContainers(pod: Pod): {
  readonly exposed: readonly string[];
  readonly findings: readonly Finding[];
} {
  const names = userContainers(pod).map(({ name }) => name);
  // Sets: an object that is yet to be validated may hold a hundred thousand names in either list.
  const known = new Set(names);
  const findings: Finding[] = [];
  const listed = (key: string): ReadonlySet<string> | undefined => {
    const raw = pod.metadata?.annotations?.[key];
    if (raw == null) return undefined;
    // Peers separate by comma or by semicolon.
    const wanted = raw
      .split(/[,;]/)
      .map((name) => name.trim())
      .filter((name) => name !== "");
    for (const name of wanted.filter((one) => !known.has(one))) {
      const message = `The annotation ${key} names ${JSON.stringify(name.slice(0, 80))}, which is no container of the pod.`;
      findings.push(
        finding("CONTAINER_UNKNOWN", message, `Its containers are ${names.join(", ").slice(0, 400)}.`),
      );
    }
    return new Set(wanted);
  };
  const only = listed(ANNOTATION.containers);
  const not = listed(ANNOTATION.skipContainers);
  const exposed = names.filter((name) => (only?.has(name) ?? true) && not?.has(name) !== true);
  return { exposed, findings };
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
