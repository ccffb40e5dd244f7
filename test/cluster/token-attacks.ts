import type { KubeObject } from "./kube-client.ts";
import type { Attack } from "./attack.ts";

/** Attacks on the tokens of identities: each changes a pod that the webhook has patched. */

const sidecar = (pod: KubeObject): KubeObject => pod.spec.initContainers[1];
const app = (pod: KubeObject): KubeObject => pod.spec.containers[0];

type Change = Attack["change"];

/** To the app's mount of its token. */
const mounted =
  (over: object): Change =>
  (pod) => {
    app(pod).volumeMounts = [{ ...app(pod).volumeMounts[0], ...over }];
  };
const sidecarMounts =
  (over: object): Change =>
  (pod) => {
    const { volumeMounts } = sidecar(pod);
    volumeMounts[1] = { ...volumeMounts[1], ...over };
  };
const volume = (pod: KubeObject, index = 0): KubeObject =>
  pod.spec.volumes.find(({ name }: { name: string }) => name === `podrole-identity-${index}`);
const projected =
  (over: object): Change =>
  (pod) => {
    Object.assign(volume(pod).projected.sources[0].serviceAccountToken, over);
  };
const withVolume =
  (more: object): Change =>
  (pod) => {
    pod.spec.volumes.push(more);
  };
const asking = (audience: string): object => ({
  name: "mine",
  projected: { sources: [{ serviceAccountToken: { audience, path: "token" } }] },
});
const identities =
  (change: (text: string) => string): Change =>
  (pod) => {
    const one = sidecar(pod).env.find(({ name }: { name: string }) => name === "PODROLE_IDENTITIES");
    one.value = change(one.value);
  };
const withContainer =
  (mount: object, name = "thief"): Change =>
  (pod) => {
    pod.spec.containers.push({ ...app(pod), name, volumeMounts: [mount] });
  };
const annotated =
  (annotations: object): Change =>
  (pod) => {
    Object.assign(pod.metadata.annotations, annotations);
  };

const FOLDER = "/var/run/secrets/podrole.dev/credentials";
const mountOf = (index: number): object => ({
  name: `podrole-identity-${index}`,
  mountPath: FOLDER,
  readOnly: true,
});

const RESERVED: readonly (readonly [title: string, change: Change, setting?: Attack["setting"]])[] = [
  ["an app that mounts its token elsewhere", mounted({ mountPath: "/t" })],
  ["an app that mounts its token writable", mounted({ readOnly: false })],
  ["an app that mounts its token by a subPath", mounted({ subPath: "token" })],
  ["an app that mounts its token by a subPathExpr", mounted({ subPathExpr: "token" })],
  ["an app that mounts its token as the sidecar does", mounted({ mountPath: "/run/podrole/0" })],
  [
    "an app with its own identity that mounts the pod's token",
    mounted({ name: "podrole-identity-0" }),
    "identities",
  ],
  ["a container that mounts another container's token", withContainer(mountOf(1)), "identities"],
  [
    "a container that mounts the pod's token although it is skipped",
    (pod) => {
      withContainer(mountOf(0))(pod);
      annotated({ "podrole.dev/skip-containers": "other; thief" })(pod);
    },
  ],
  [
    "a container that mounts the pod's token although the pod excludes it from IRSA",
    (pod) => {
      withContainer(mountOf(0))(pod);
      annotated({ "eks.amazonaws.com/skip-containers": 'podrole-guard,podrole-sidecar,"thief"' })(pod);
    },
  ],
  [
    "a container that mounts the pod's token although the pod names others",
    (pod) => {
      withContainer(mountOf(0))(pod);
      annotated({ "podrole.dev/containers": "app" })(pod);
    },
  ],
  [
    "an init container that mounts a container's token",
    (pod) => {
      pod.spec.initContainers.push({ ...app(pod), name: "init", volumeMounts: [mountOf(1)] });
    },
    "identities",
  ],
  ["a volume that asks for an identity's audience", withVolume(asking("podrole.dev/pod"))],
  ["a volume that asks for a container's audience", withVolume(asking("podrole.dev/container/app"))],
  ["an identity's token of another audience", projected({ audience: "vault" })],
  [
    "an identity's token of another identity's audience",
    projected({ audience: "podrole.dev/container/app" }),
  ],
  ["an identity's token in another file", projected({ path: "t" })],
  ["an identity's token of another duration", projected({ expirationSeconds: 3600 })],
  [
    "an identity's volume with a second source",
    (pod) => {
      volume(pod).projected.sources.push({ configMap: { name: "c" } });
    },
  ],
  // The API server writes null for sources that are not named.
  ["an identity's volume without a source", (pod) => (volume(pod).projected = {})],
  [
    "an identity's volume without a source, mounted by a container that has none",
    (pod) => {
      volume(pod).projected = {};
      withContainer({ ...mountOf(0), mountPath: "/t" })(pod);
    },
  ],
  [
    "an identity's volume that is a Secret",
    (pod) => {
      const one = volume(pod);
      delete one.projected;
      one.secret = { secretName: "s" };
    },
  ],
  [
    "a volume of an identity that is not there",
    withVolume({ ...asking("podrole.dev/pod"), name: "podrole-identity-1" }),
  ],
  ["a volume named almost like an identity's", withVolume({ name: "podrole-identity-x", emptyDir: {} })],
  [
    "two identities whose tokens are exchanged",
    (pod) => {
      const [one, other] = [volume(pod), volume(pod, 1)];
      [one.name, other.name] = [other.name, one.name];
    },
    "identities",
  ],
  [
    "a sidecar that reads another file",
    identities((text) => text.replace("/run/podrole/0/token", "/run/podrole/sts/token")),
  ],
  [
    "an identity's token without a mount in the sidecar",
    (pod) => {
      sidecar(pod).volumeMounts.splice(1, 1);
    },
  ],
];

const DIFFERENT: readonly (readonly [title: string, change: Change, setting?: Attack["setting"]])[] = [
  ["a sidecar that mounts an identity's token elsewhere", sidecarMounts({ mountPath: "/t" })],
  ["a sidecar that mounts an identity's token writable", sidecarMounts({ readOnly: false })],
  ["a sidecar that mounts an identity's token by a subPath", sidecarMounts({ subPath: "token" })],
  [
    "a token in the pod spec where the setting says file",
    identities((text) => text.replace('","steps":[', `","tokenSha256":"${"0".repeat(64)}","steps":[`)),
    "tokenFile",
  ],
];

export const TOKEN_ATTACKS: readonly Attack[] = [
  ...RESERVED.map(([title, change, setting = "plain"]): Attack => ({
    title,
    code: "RESERVED_NAME",
    change,
    setting,
  })),
  ...DIFFERENT.map(([title, change, setting = "plain"]): Attack => ({
    title,
    code: "INJECTED_DIFFERENTLY",
    change,
    setting,
  })),
];
