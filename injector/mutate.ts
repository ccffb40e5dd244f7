import { isDeepStrictEqual } from "node:util";
import { ANNOTATION, APP_ENV, CONTAINER, ENV, LOOPBACK, PATH, TOKEN_VOLUME } from "../sidecar/contract.ts";
import type { InjectorConfig } from "./config.ts";
import { guardContainer, sidecarContainer, tokenVolume } from "./containers.ts";
import type { Intent, SidecarIntent } from "./decide.ts";
import { userContainers } from "./exposure.ts";
import { finding, type Finding } from "./findings.ts";
import { dropped, isOurs } from "./harden.ts";
import { envVar, type Container, type EnvVar, type ObjectMeta, type Pod, type Volume } from "./pod.ts";
import { proxied } from "./proxy.ts";
import type { Fields } from "./read.ts";
import { isHash, tokenHash } from "./token.ts";

/** The annotation that makes `kubectl logs` and `exec` pick the app; kept where the user set it. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/**
 * EKS's webhook for IRSA adds variables to every container of an annotated service account's pod. On ours they would be
 * somebody else's content under our name; this annotation makes it pass them by.
 */
const IRSA_SKIP = "eks.amazonaws.com/skip-containers";

/** Where the app's SDK finds its credentials. */
export const credentialsUri = ({ credentialsPort }: Pick<InjectorConfig, "credentialsPort">): string =>
  `http://${LOOPBACK}:${credentialsPort}${PATH.credentials}`;

/**
 * The pod as it is to run. Pure and idempotent: on its own output it changes nothing, and it puts guard and sidecar
 * back in front where another webhook has put a container before them. What it does not name it passes on as it is, by
 * reference.
 * @param token what the exposed containers present to the sidecar
 */
export function mutate(pod: Pod, intent: Intent, config: InjectorConfig, token: string): Pod {
  const { spec } = pod;
  const drop = dropped({
    guard: intent.guard,
    sidecar: intent.sidecar !== undefined,
    source: intent.sidecar?.source ?? config.source,
  });
  const exposed = new Set(intent.sidecar?.exposed);
  const user = (container: Container): Container => {
    const confined = confine(container, drop, intent);
    return intent.sidecar !== undefined && exposed.has(container.name)
      ? served(confined, intent.sidecar, config, token)
      : confined;
  };
  const ours = written(pod, intent, config, token).map((container) =>
    keptOr(container, spec.initContainers ?? []),
  );
  const volumes = volumesWith(spec.volumes ?? [], intent.sidecar);
  return {
    ...pod,
    metadata: marked(pod.metadata ?? {}, spec.containers[0]?.name, intent, config),
    spec: {
      ...spec,
      initContainers: [
        ...ours,
        ...(spec.initContainers ?? []).filter((container) => !isOurs(container)).map(user),
      ],
      containers: spec.containers.map(user),
      ...(volumes === undefined ? {} : { volumes }),
    },
  };
}

/** Guard and sidecar as this version writes them. */
function written(pod: Pod, intent: Intent, config: InjectorConfig, token: string): readonly Container[] {
  const { guard, sidecar } = intent;
  const exposed = new Set(sidecar?.exposed);
  const presented = userContainers(pod).some(
    (container) =>
      exposed.has(container.name) &&
      (absent(container, ENDPOINT) || envVar(container, APP_ENV.token)?.value === token),
  );
  return [
    ...(guard ? [guardContainer(config, intent)] : []),
    ...(sidecar ? [sidecarContainer(config, intent, sidecar, tokenHash(pod, token, presented))] : []),
  ];
}

/** The container that is there already, if it is the one we would write: others may have sized it or added a default. */
function keptOr(ours: Container, present: readonly Container[]): Container {
  const found = present.find((container) => container.name === ours.name && sameContent(container, ours));
  if (found === undefined) return ours;
  return isDeepStrictEqual(found.env, ours.env) ? found : { ...found, env: ours.env ?? [] };
}

/**
 * Containers and a volume under our names whose content is not ours. Decided by the content, never by a marker or a
 * name, since a pod's author can write both.
 */
export function impostors(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  token: string,
): readonly Finding[] {
  const expected = written(pod, intent, config, token);
  const remedy = "Delete it from the manifest: podrole adds it itself.";
  const containers = (pod.spec.initContainers ?? []).filter(isOurs).flatMap((container, index, all) => {
    const ours = expected.find(({ name }) => name === container.name);
    const twice = all.findIndex(({ name }) => name === container.name) !== index;
    if (ours !== undefined && !twice && sameContent(container, ours)) return [];
    const message = `Init container ${container.name} is not as this version of podrole writes it${difference(container, ours)}.`;
    return [finding("INJECTED_DIFFERENTLY", message, remedy)];
  });
  const volumes = (pod.spec.volumes ?? [])
    .filter(({ name }) => name === TOKEN_VOLUME.name)
    .filter(
      (volume) => intent.sidecar?.source !== "web-identity" || !isDeepStrictEqual(volume, tokenVolume()),
    )
    .map(({ name }) =>
      finding("INJECTED_DIFFERENTLY", `Volume ${name} is not as this version of podrole writes it.`, remedy),
    );
  return [...containers, ...volumes];
}

/**
 * Without what others set with good reason and to no consequence for what runs: LimitRanger, autoscalers, the defaulter,
 * ServiceAccount, AlwaysPullImages. The token's hash is put right in any case.
 */
function comparable(container: Container, ours: Container): Fields {
  const { resources: _, resizePolicy: __, imagePullPolicy, ...rest } = container;
  const mounts = (container.volumeMounts ?? []).filter(
    ({ name, mountPath, readOnly }) =>
      !(
        mountPath === "/var/run/secrets/kubernetes.io/serviceaccount" &&
        readOnly === true &&
        name.startsWith("kube-api-access-")
      ),
  );
  const { procMount, ...context } = rest.securityContext ?? {};
  return {
    ...rest,
    imagePullPolicy: imagePullPolicy === "Always" ? ours["imagePullPolicy"] : imagePullPolicy,
    // JSON has no undefined, so nothing a manifest can say equals it.
    env: (container.env ?? []).map((one) =>
      one.name === ENV.tokenSha256 && isHash(one.value) ? { ...one, value: undefined } : one,
    ),
    volumeMounts: mounts,
    securityContext: procMount === undefined || procMount === "Default" ? context : { ...context, procMount },
  };
}

const sameContent = (actual: Container, ours: Container): boolean =>
  isDeepStrictEqual(comparable(actual, ours), comparable(ours, ours));

/** Which field differs, for a person who has to find out why. */
function difference(actual: Container, ours: Container | undefined): string {
  if (ours === undefined) return " (this pod is to have none)";
  const [a, b] = [comparable(actual, ours), comparable(ours, ours)];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => !isDeepStrictEqual(a[key], b[key]),
  );
  return keys.length === 0 ? " (it is there twice)" : ` (${keys.join(", ").slice(0, 200)})`;
}

/** Takes capabilities that lead past the guard, and with source node what leads to the sidecar's uid. */
function confine(container: Container, drop: readonly string[], intent: Intent): Container {
  const context = container.securityContext ?? {};
  // Letter by letter, unlike what is added: of `CAP_NET_RAW` containerd makes CAP_CAP_NET_RAW, and drops nothing.
  const present = new Set(context.capabilities?.drop ?? []);
  const missing = present.has("ALL") ? [] : drop.filter((name) => !present.has(name));
  const escalation =
    intent.guard && intent.sidecar?.source === "node" && context.allowPrivilegeEscalation !== false;
  if (missing.length === 0 && !escalation) return container;
  const capabilities =
    missing.length === 0
      ? {}
      : {
          capabilities: {
            ...context.capabilities,
            drop: [...(context.capabilities?.drop ?? []), ...missing],
          },
        };
  return {
    ...container,
    securityContext: {
      ...context,
      ...capabilities,
      ...(escalation ? { allowPrivilegeEscalation: false } : {}),
    },
  };
}

const ENDPOINT = [APP_ENV.fullUri, APP_ENV.token];

const absent = (container: Container, names: readonly string[]): boolean =>
  names.every((name) => envVar(container, name) === undefined);

/** Tells the container's SDK where its credentials are. What the user set stays; see `shadowed` for the warning. */
function served(
  container: Container,
  sidecar: SidecarIntent,
  config: InjectorConfig,
  token: string,
): Container {
  const added: EnvVar[] = [];
  // Address and token belong together, as do the two regions: half a pair of the user's and half of ours fits nobody.
  if (absent(container, ENDPOINT)) {
    added.push(
      { name: APP_ENV.fullUri, value: credentialsUri(config) },
      { name: APP_ENV.token, value: token },
    );
  }
  if (sidecar.region !== undefined && absent(container, [APP_ENV.region, APP_ENV.defaultRegion])) {
    added.push(
      { name: APP_ENV.region, value: sidecar.region },
      { name: APP_ENV.defaultRegion, value: sidecar.region },
    );
  }
  for (const [name, value] of [
    [APP_ENV.stsRegionalEndpoints, "regional"],
    [APP_ENV.metadataDisabled, "true"],
  ] as const) {
    if (absent(container, [name])) added.push({ name, value });
  }
  const env = proxied(container.env ?? []);
  return added.length === 0 && env === container.env ? container : { ...container, env: [...env, ...added] };
}

function volumesWith(
  present: readonly Volume[],
  sidecar: SidecarIntent | undefined,
): readonly Volume[] | undefined {
  const wanted =
    sidecar?.source === "web-identity" && !present.some(({ name }) => name === TOKEN_VOLUME.name);
  return wanted ? [...present, tokenVolume()] : undefined;
}

function marked(
  metadata: ObjectMeta,
  app: string | undefined,
  intent: Intent,
  config: InjectorConfig,
): ObjectMeta {
  const { sidecar } = intent;
  const status = {
    version: config.version,
    guard: intent.guard ? "block" : "off",
    ...(sidecar
      ? { role: sidecar.role, from: sidecar.from, rule: sidecar.rule, source: sidecar.source }
      : {}),
  };
  const annotations = {
    ...metadata.annotations,
    ...(intent.irsa ? { [IRSA_SKIP]: skipping(metadata.annotations?.[IRSA_SKIP], intent) } : {}),
    ...(metadata.annotations?.[DEFAULT_CONTAINER] == null && app !== undefined
      ? { [DEFAULT_CONTAINER]: app }
      : {}),
    [ANNOTATION.status]: JSON.stringify(status),
  };
  return { ...metadata, annotations };
}

/** The user's list with our containers added, each once. */
function skipping(present: string | null | undefined, intent: Intent): string {
  const ours = [...(intent.guard ? [CONTAINER.guard] : []), ...(intent.sidecar ? [CONTAINER.sidecar] : [])];
  const listed = (present ?? "").split(",").map((name) => name.trim());
  return [...new Set([...listed, ...ours])].filter((name) => name !== "").join(",");
}
