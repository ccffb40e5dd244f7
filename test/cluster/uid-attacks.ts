import type { KubeObject } from "./kube-client.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { app, attack, guard, guardValueOf, sidecar, valueOf, withInit, type Attack } from "./attack.ts";

/** Another uid in the sidecar, with which the guard agrees. */
export const withUid =
  (uid: number, gid = uid) =>
  (pod: KubeObject): void => {
    Object.assign(sidecar(pod).securityContext, { runAsUser: uid, runAsGroup: gid });
    guardValueOf("PODROLE_SIDECAR_UID", String(uid))(pod);
  };

/** The group of a container that others bring. */
const inGroupOf =
  (name: string, runAsGroup: number) =>
  (pod: KubeObject): void => {
    pod.spec.containers.push({
      name,
      image: "i",
      securityContext: { runAsUser: 1000, runAsGroup, capabilities: { drop: ["ALL"] } },
    });
    withUid(50_000, runAsGroup)(pod);
  };

/** Other uids than the sidecar's own, and a guard that lets others serve at its ports. */
export const UID_ATTACKS: readonly Attack[] = [
  attack("a guard that lets the sidecar's uid through", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env.splice(0, 0, { name: "PODROLE_OPEN_UID", value: String(SIDECAR_UID) });
  }),
  attack("an app with the sidecar's uid", "SIDECAR_UID", (pod) => {
    app(pod).securityContext.runAsUser = SIDECAR_UID;
  }),
  attack("a pod with the sidecar's uid", "SIDECAR_UID", (pod) => {
    pod.spec.securityContext = { runAsUser: SIDECAR_UID };
    delete app(pod).securityContext.runAsUser;
  }),
  attack(
    "an init container with the sidecar's uid",
    "SIDECAR_UID",
    withInit({ securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: SIDECAR_UID } }),
  ),
  ...[0, 1000, 39_999, 65_000, 105_000].map((uid) =>
    attack(`a sidecar whose uid is ${uid}`, "INJECTED_DIFFERENTLY", withUid(uid)),
  ),
  attack("a sidecar whose gid is not its uid", "INJECTED_DIFFERENTLY", withUid(50_000, 50_001)),
  attack("a sidecar in root's group", "INJECTED_DIFFERENTLY", withUid(50_000, 0)),
  attack(
    "a sidecar in root's group, as a proxy of Istio's has it",
    "INJECTED_DIFFERENTLY",
    inGroupOf("istio-proxy", 0),
  ),
  attack("a sidecar in the group of a user's container", "INJECTED_DIFFERENTLY", inGroupOf("proxy", 2000)),
  attack("a sidecar in another group than the one that Linkerd is told of", "INJECTED_DIFFERENTLY", (pod) => {
    pod.metadata.annotations["config.linkerd.io/proxy-gid"] = "2102";
    withUid(50_000, 2103)(pod);
  }),
  attack("a sidecar without a uid", "INJECTED_DIFFERENTLY", (pod) => {
    delete sidecar(pod).securityContext.runAsUser;
  }),
  attack("a guard that expects another uid of the sidecar", "INJECTED_DIFFERENTLY", (pod) => {
    guardValueOf("PODROLE_SIDECAR_UID", "1000")(pod);
  }),
  attack(
    "source node: a guard that lets through another uid than the sidecar's",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_OPEN_UID", "1000"),
    { setting: "node" },
  ),
  attack(
    "a guard that protects other ports",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_SIDECAR_PORTS", "1"),
  ),
  attack("a guard that protects no port", "INJECTED_DIFFERENTLY", (pod) => {
    guard(pod).env = guard(pod).env.filter(
      ({ name }: { name: string }) => !name.startsWith("PODROLE_SIDECAR_"),
    );
  }),
  attack(
    "a guard of an emulating pod that leaves the emulated port to others",
    "INJECTED_DIFFERENTLY",
    guardValueOf("PODROLE_SIDECAR_PORTS", "16925"),
    { setting: "emulated" },
  ),
  ...["PODROLE_LISTEN_CREDENTIALS", "PODROLE_LISTEN_HEALTH"].map((name) =>
    attack(`a sidecar with another ${name}`, "INJECTED_DIFFERENTLY", valueOf(name, "8080")),
  ),
];
