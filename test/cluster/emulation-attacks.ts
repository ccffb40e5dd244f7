import type { KubeObject } from "./kube-client.ts";
import { attack, EMULATE, guard, type SETTINGS, sidecar, V1, type Attack } from "./attack.ts";

type Variables = Readonly<Record<string, string>>;

/** Sets variables of guard or sidecar, in their place or before the last ones. An empty value removes one. */
function setting(container: KubeObject, variables: Variables): void {
  for (const [name, value] of Object.entries(variables)) {
    const at = container.env.findIndex((one: { name: string }) => one.name === name);
    if (at >= 0) container.env.splice(at, 1, ...(value === "" ? [] : [{ name, value }]));
    else if (value !== "") container.env.splice(-2, 0, { name, value });
  }
}

const emulation = (
  title: string,
  where: keyof typeof SETTINGS,
  change: { readonly guard?: Variables; readonly sidecar?: Variables; readonly pod?: Variables },
): Attack =>
  attack(
    title,
    "INJECTED_DIFFERENTLY",
    (pod) => {
      setting(guard(pod), change.guard ?? {});
      setting(sidecar(pod), change.sidecar ?? {});
      Object.assign(pod.metadata.annotations, change.pod ?? {});
    },
    { setting: where },
  );

/** The variables that the injector gives guard and sidecar for emulation. */
const GUARD_EMULATES = { PODROLE_IMDS: "emulate" };
const BY_HAND = { guard: GUARD_EMULATES, sidecar: GUARD_EMULATES };

/** Emulation without permission, and guard and sidecar with mismatched emulation variables. */
export const EMULATION_ATTACKS: readonly Attack[] = [
  emulation("an emulation that the installation does not allow", "plain", { ...BY_HAND, pod: EMULATE }),
  emulation("an emulation that nobody has asked for", "unasked", BY_HAND),
  emulation("an emulation that the namespace forbids", "forbidden", { ...BY_HAND, pod: EMULATE }),
  emulation("a guard that emulates where the sidecar does not", "unasked", { guard: GUARD_EMULATES }),
  emulation("a sidecar that emulates where the guard blocks", "unasked", { sidecar: BY_HAND.sidecar }),
  emulation("a pod that asks and whose guard and sidecar block", "unasked", { pod: EMULATE }),
  emulation("a guard that blocks where the sidecar emulates", "emulated", {
    guard: { PODROLE_IMDS: "", PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a sidecar that does not emulate where the guard does", "emulated", {
    sidecar: { PODROLE_IMDS: "", PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a guard that redirects to another port", "emulated", { guard: { PODROLE_LISTEN_IMDS: "8080" } }),
  emulation("a sidecar that listens at another port", "emulated", {
    sidecar: { PODROLE_LISTEN_IMDS: "8080" },
  }),
  emulation("a sidecar whose port is left to its default", "tokenless", {
    sidecar: { PODROLE_LISTEN_IMDS: "" },
  }),
  emulation("a sidecar that blocks by another word", "emulated", { sidecar: { PODROLE_IMDS: "block" } }),
  emulation("answers without a token that the installation does not allow", "emulated", {
    sidecar: { PODROLE_IMDS_V1: "allowed" },
    pod: V1,
  }),
  emulation("answers without a token that nobody has asked for", "tokenless", {
    pod: { "podrole.dev/imds-v1": "denied" },
  }),
  emulation("paths of the node's service that the installation does not name", "emulatedNode", {
    sidecar: { PODROLE_IMDS_NODE_PATHS: "meta-data/instance-id,meta-data/tags/instance/owner" },
  }),
  emulation("paths of the node's service in another source", "emulated", {
    sidecar: { PODROLE_IMDS_NODE_PATHS: "meta-data/instance-id" },
  }),
  attack(
    "a guard that emulates in a pod without a role",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      setting(guard(pod), GUARD_EMULATES);
      pod.metadata.annotations = EMULATE;
    },
    { setting: "unasked", sidecar: false },
  ),
];
