import { isDeepStrictEqual } from "node:util";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER, LOOPBACK, PATH, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { guardContainer, sidecarContainer, tokenVolume } from "./containers.ts";
import type { Intent, SidecarIntent } from "../decide/decide.ts";
import { userContainers } from "../model/user-containers.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isOurs } from "../model/user-containers.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { envVar, type Container, type ObjectMeta, type Pod, type Volume } from "../model/pod.ts";
import type { Fields } from "../model/read.ts";
import { aroundHashes, hashesIn, tokenHash, type Tokens } from "./token.ts";
import { confine, served, takesEndpoint } from "./user-container.ts";

/** The annotation that makes `kubectl logs` and `exec` pick the app; kept where the user set it. */
export const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/**
 * EKS's webhook for IRSA adds variables to every container of an annotated service account's pod. On ours they would be
 * somebody else's content under our name; this annotation makes it pass them by.
 */
export const IRSA_SKIP = "eks.amazonaws.com/skip-containers";

/** Where the app's SDK finds its credentials. */
export const credentialsUri = ({ credentialsPort }: Pick<InjectorConfig, "credentialsPort">): string =>
  `http://${LOOPBACK}:${credentialsPort}${PATH.credentials}`;

/**
 * The pod as it is to run. Pure and idempotent: on its own output it changes nothing, and it puts guard and sidecar
 * back in front where another webhook has put a container before them. What it does not name it passes on as it is, by
 * reference.
 * @param tokens what the containers of each identity present to the sidecar
 */
export function mutate(pod: Pod, intent: Intent, config: InjectorConfig, tokens: Tokens): Pod {
  const { spec } = pod;
  const presence = {
    guard: intent.guard,
    sidecar: intent.sidecar !== undefined,
    source: intent.sidecar?.source ?? config.source,
  };
  const tokenOf = tokensByContainer(intent, tokens);
  const user = (container: Container): Container => {
    const confined = confine(container, presence);
    const token = tokenOf.get(container.name);
    if (token === undefined) return confined;
    return served(confined, {
      uri: credentialsUri(config),
      token,
      region: intent.sidecar?.region,
      emulated: intent.imds !== undefined,
    });
  };
  const ours = written(pod, intent, config, tokens).map((container) =>
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
function written(pod: Pod, intent: Intent, config: InjectorConfig, tokens: Tokens): readonly Container[] {
  const { guard, sidecar } = intent;
  const hashes = hashesIn(pod);
  const hashOf = ({ name, containers }: IdentityIntent): string => {
    const token = tokens.get(name) ?? "";
    const theirs = new Set(containers);
    const presented = userContainers(pod).some(
      (container) =>
        theirs.has(container.name) &&
        (takesEndpoint(container) || envVar(container, APP_ENV.token)?.value === token),
    );
    return tokenHash(pod, hashes.get(name), token, presented);
  };
  return [
    ...(guard ? [guardContainer(config, intent)] : []),
    ...(sidecar ? [sidecarContainer(config, intent, sidecar, hashOf)] : []),
  ];
}

/** What each container is to present, by its name. Decide puts a container into one identity at most. */
export function tokensByContainer({ sidecar }: Intent, tokens: Tokens): ReadonlyMap<string, string> {
  return new Map(
    (sidecar?.identities ?? []).flatMap(({ name, containers }) =>
      containers.map((container): [string, string] => [container, tokens.get(name) ?? ""]),
    ),
  );
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
export function tamperedContainers(
  pod: Pod,
  intent: Intent,
  config: InjectorConfig,
  tokens: Tokens,
): readonly Finding[] {
  const expected = written(pod, intent, config, tokens);
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
    env: (container.env ?? []).map((one) =>
      one.name === ENV.identities && typeof one.value === "string"
        ? { ...one, value: aroundHashes(one.value) }
        : one,
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
    ...(intent.imds === undefined ? {} : { imds: "emulate" }),
    ...(intent.imds?.v1 === "allowed" ? { imdsV1: "allowed" } : {}),
    ...(sidecar ? statusOf(sidecar) : {}),
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

/** The pod's own role in fields of its own, as ever; a container's by its name. */
function statusOf({ identities, source }: SidecarIntent): Fields {
  const told = ({ role, from, rule }: IdentityIntent): Fields => ({ role, from, rule });
  const own = identities.find(({ name }) => name === POD_IDENTITY);
  const others = identities.filter((one) => one !== own);
  const containers = Object.fromEntries(
    others.flatMap((one) => one.containers.map((container) => [container, told(one)])),
  );
  return {
    ...(own ? told(own) : {}),
    source,
    ...(others.length === 0 ? {} : { containers }),
  };
}

/** The user's list with our containers added, each once. */
function skipping(present: string | null | undefined, intent: Intent): string {
  const ours = [...(intent.guard ? [CONTAINER.guard] : []), ...(intent.sidecar ? [CONTAINER.sidecar] : [])];
  const listed = (present ?? "").split(",").map((name) => name.trim());
  return [...new Set([...listed, ...ours])].filter((name) => name !== "").join(",");
}
