import { type Pod, type Container, envVar, named } from "../model/pod.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type AdmissionResult, denied } from "./admission-result.ts";
import { baselineFindings, judgeBaseline } from "../decide/baseline/baseline.ts";
import { exemptionsOf } from "../decide/baseline/exemptions.ts";
import { NO_MESH_TRUST } from "../decide/baseline/mesh-init.ts";
import { MESH_INIT_NAMES } from "../model/mesh-init.ts";
import { guardModeIn, sidecarIn, uidOfSidecar } from "../model/own-form.ts";
import { hazards } from "../decide/hazards.ts";
import { blockedTokenMounts } from "../decide/token-mounts.ts";
import type { Facts } from "../model/facts.ts";
import { denies, type Finding, finding } from "../model/findings.ts";
import { exposes } from "../decide/exposure.ts";
import { guardNotDone } from "./guard-done.ts";
import { withProfile } from "./kubectl-debug.ts";
import { confine, served } from "../mutate/user-container.ts";
import type { Endpoint } from "../mutate/endpoints.ts";
import { foreignTokenMounts } from "../mutate/own-volumes.ts";
import { readsTokenFile } from "../model/endpoint.ts";
import { readOnlyThroughout } from "../model/node-mounts.ts";
import { identityMount } from "../model/identity-volumes.ts";
import { patchBetween } from "../mutate/patch.ts";
import { CONTAINER, APP_ENV } from "../../sidecar/contract/pod.ts";
import type { Presence } from "../decide/presence.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { DEFAULTS } from "../../sidecar/kit/defaults.ts";
import { SOURCES, POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { identitiesIn, tokenOf } from "../mutate/token.ts";
import { userContainers } from "../model/user-containers.ts";

/**
 * What `kubectl debug` adds is checked like any container, then given the same credentials and restrictions. The rest of
 * the pod was checked when it was created.
 */
export function resultForEphemeral(
  before: Pod,
  after: Pod,
  facts: Pick<Facts, "namespace">,
  config: InjectorConfig,
): AdmissionResult {
  // As text: to compare each with each would take seconds for some thousand.
  const known = new Set((before.spec.ephemeralContainers ?? []).map((one) => JSON.stringify(one)));
  const isNew = (container: Container): boolean => !known.has(JSON.stringify(container));
  const added = (after.spec.ephemeralContainers ?? []).filter(isNew);
  const presence = presenceIn(before, config);
  const addedOnly = podOf(added, before);
  const { exempt, findings: invalid } = exemptionsOf(facts.namespace);
  const baseline = judgeBaseline(
    { pod: addedOnly, containers: added, guard: presence.guard !== undefined, meshes: NO_MESH_TRUST },
    exempt,
  );
  const endpoint = presence.sidecar ? endpointIn(before) : undefined;
  const exposed = exposes(before, config.keys);
  const endpointOf = ({ name }: Container) => (exposed(name) ? endpoint : undefined);
  const findings = [
    ...invalid,
    ...baselineFindings(baseline, presence.guard !== undefined).map(withProfile(facts)),
    ...hazards(addedOnly, presence),
    ...added.flatMap((one) => foreignTokenMounts(one, endpointOf(one)?.mount)),
    ...blockedTokenMounts(
      addedOnly,
      added.filter((one) => endpointOf(one)?.mount !== undefined),
    ),
    ...added.flatMap(targetsPodrole),
    ...(presence.guard && added.length > 0 ? guardNotDone(before) : []),
    ...added.flatMap(runsAsSidecar(before)),
  ];
  if (denies(findings)) return denied(findings);

  const ofNode = readOnlyThroughout(before.spec.volumes ?? []);
  const adapted = (container: Container): Container => {
    const confined = ofNode(confine(container, presence));
    const given = endpointOf(container);
    return given === undefined ? confined : served(confined, given);
  };
  const ephemeralContainers = (after.spec.ephemeralContainers ?? []).map((one) =>
    isNew(one) ? adapted(one) : one,
  );
  const operations = patchBetween(after, { ...after, spec: { ...after.spec, ephemeralContainers } });
  return { decision: operations.length > 0 ? "inject" : "allow", operations, findings };
}

/** A pod with these containers and what they have of the pod they join: its uid, its user namespace, its volumes. */
function podOf(added: readonly Container[], { spec }: Pod): Pod {
  const { hostUsers, securityContext, volumes = [] } = spec;
  const mounted = new Set(added.flatMap(({ volumeMounts }) => (volumeMounts ?? []).map(({ name }) => name)));
  const runAsUser = securityContext?.runAsUser;
  return {
    spec: {
      containers: [],
      ephemeralContainers: added,
      volumes: (volumes ?? []).filter(({ name }) => mounted.has(name)),
      ...(hostUsers == null ? {} : { hostUsers }),
      ...(runAsUser == null ? {} : { securityContext: { runAsUser } }),
    },
  };
}

const UNTARGETED: ReadonlySet<string> = new Set([...Object.values(CONTAINER), ...MESH_INIT_NAMES]);

/** It would share the target's processes and, with the same uid, could read their memory. */
function targetsPodrole(container: Container): readonly Finding[] {
  const target = container["targetContainerName"];
  if (!UNTARGETED.has(String(target))) return [];
  const message = `${named(container)} targets ${String(target)}, whose processes it would share.`;
  return [finding("EPHEMERAL_TARGET", message, "Target a container of the app.")];
}

/** At creation the sidecar gets a uid that no container names. A container that is added later could name that one. */
function runsAsSidecar({ spec }: Pod): (container: Container) => readonly Finding[] {
  const sidecar = sidecarIn(spec);
  const ofSidecar = sidecar && uidOfSidecar(sidecar);
  return ({ name, securityContext }) => {
    const uid = securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
    if (uid == null || uid !== ofSidecar) return [];
    const message = `Container ${JSON.stringify(name)} runs as uid ${uid}, the sidecar's.`;
    return [finding("SIDECAR_UID", message, "Set another runAsUser.")];
  };
}

/** The parts of podrole in the running pod, even if this version would write others. */
function presenceIn({ spec }: Pod, config: InjectorConfig): Presence {
  const sidecar = sidecarIn(spec);
  // Absent, it stands for its default, which need not be the setting's.
  const inPod = (sidecar && envVar(sidecar, ENV.source)?.value) ?? DEFAULTS[ENV.source];
  return {
    guard: guardModeIn(spec),
    sidecar: sidecar !== undefined,
    source: SOURCES.find((source) => source === inPod) ?? config.source,
  };
}

/**
 * The pod's own identity, never a container's. Read from a container: the port may have been another one when the pod
 * was created. Of the pod's token, as it was created: the setting may be another one now.
 */
function endpointIn(pod: Pod): Endpoint | undefined {
  const identities = identitiesIn(pod);
  const index = identities.findIndex(({ name }) => name === POD_IDENTITY);
  const mount = identities[index]?.hasFile === true ? identityMount(index) : undefined;
  const token = tokenOf(pod, POD_IDENTITY);
  const holder = userContainers(pod).find(
    (one) =>
      (token !== undefined && envVar(one, APP_ENV.token)?.value === token) ||
      (mount !== undefined && readsTokenFile(one) && mountsOf(one).has(mount.name)),
  );
  const uri = holder && envVar(holder, APP_ENV.fullUri)?.value;
  if (holder === undefined || uri === undefined) return undefined;
  const sidecar = sidecarIn(pod.spec);
  const emulated = sidecar !== undefined && envVar(sidecar, ENV.imds)?.value === "emulate";
  return { uri, token, mount, region: envVar(holder, APP_ENV.region)?.value, emulated };
}

const mountsOf = ({ volumeMounts }: Container): ReadonlySet<string> =>
  new Set((volumeMounts ?? []).map(({ name }) => name));
