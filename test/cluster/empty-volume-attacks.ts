import { app, attack, guard, sidecar, withInit, type Attack } from "./attack.ts";
import type { KubeObject } from "./kube-client.ts";

/** Attacks on the empty volume in the place of the token for the Kubernetes API: each changes a pod that the webhook has patched. */

type Change = Attack["change"];

const PLACE = "/var/run/secrets/kubernetes.io/serviceaccount";
const MOUNT = { name: "podrole-no-api-token", mountPath: PLACE, readOnly: true };
const API_TOKEN = { serviceAccountToken: { path: "token" } };

const volume =
  (content: object): Change =>
  (pod) => {
    const one = pod.spec.volumes.find(({ name }: { name: string }) => name === MOUNT.name);
    delete one.projected;
    Object.assign(one, content);
  };
/** Changes the mount of the guard or of the sidecar. */
const mount =
  (of: (pod: KubeObject) => KubeObject, over: object): Change =>
  (pod) => {
    Object.assign(
      of(pod).volumeMounts.find(({ name }: { name: string }) => name === MOUNT.name),
      over,
    );
  };
/** A volume of the API token's name, as a pod's author can write it too, and its mount. */
const apiToken =
  (of: (pod: KubeObject) => KubeObject, over: object): Change =>
  (pod) => {
    pod.spec.volumes.push({ name: "kube-api-access-x", projected: { sources: [API_TOKEN] } });
    mount(of, { name: "kube-api-access-x", ...over })(pod);
  };

const RESERVED: readonly (readonly [title: string, change: Change])[] = [
  ["an empty volume with a source", volume({ projected: { sources: [API_TOKEN] } })],
  ["an empty volume that is a Secret", volume({ secret: { secretName: "a" } })],
  ["an empty volume that is an emptyDir", volume({ emptyDir: {} })],
  ["an app that mounts the empty volume", (pod) => void app(pod).volumeMounts.push(MOUNT)],
  [
    "an app that mounts a part of the empty volume",
    (pod) => void app(pod).volumeMounts.push({ ...MOUNT, subPath: "a" }),
  ],
  ["an init container that mounts the empty volume", withInit({ volumeMounts: [MOUNT] })],
];

const DIFFERENT: readonly (readonly [title: string, change: Change])[] = [
  ["a guard with a token for the Kubernetes API", apiToken(guard, {})],
  ["a sidecar with a token for the Kubernetes API", apiToken(sidecar, {})],
  [
    "a guard with a token for the Kubernetes API beside the empty volume",
    (pod) => {
      apiToken(guard, {})(pod);
      guard(pod).volumeMounts = [MOUNT, { ...guard(pod).volumeMounts[0], mountPath: "/token" }];
    },
  ],
  [
    "a guard without the empty volume",
    // The API server's plugin then mounts the token.
    (pod) => void delete guard(pod).volumeMounts,
  ],
  [
    "a sidecar without the empty volume",
    (pod) => {
      sidecar(pod).volumeMounts = sidecar(pod).volumeMounts.filter(
        ({ name }: { name: string }) => name !== MOUNT.name,
      );
    },
  ],
  ["a guard with the empty volume over its programs", mount(guard, { mountPath: "/usr" })],
  ["a sidecar that mounts a part of the empty volume", mount(sidecar, { subPath: "a" })],
  ["a sidecar that mounts the empty volume writable", mount(sidecar, { readOnly: false })],
  ["a guard that mounts the empty volume writable", mount(guard, { readOnly: undefined })],
];

export const EMPTY_VOLUME_ATTACKS: readonly Attack[] = [
  ...RESERVED.map(([title, change]) => attack(title, "RESERVED_NAME", change)),
  ...DIFFERENT.map(([title, change]) => attack(title, "INJECTED_DIFFERENTLY", change)),
  attack(
    "an empty volume that is a path of the node",
    "RESERVED_NAME",
    volume({ hostPath: { path: "/var/lib/kubelet/pods" } }),
  ),
];
