import {
  also,
  attack,
  certificate,
  from,
  ofAnnotation,
  sidecar,
  valueOf,
  variable,
  without,
  type Attack,
} from "./attack.ts";
import type { KubeObject } from "./kube-client.ts";

/** Attacks on whom a sidecar of source broker shows its token: each changes a pod that the webhook has patched. */

const URL_NAME = "PODROLE_BROKER_URL";
const CA_NAME = "PODROLE_BROKER_CA";
const setting = "broker";

const other = await certificate();

const ASKS: readonly (readonly [string, Attack["change"]])[] = [
  ["another broker", valueOf(URL_NAME, "https://evil.example")],
  ["the broker without TLS", valueOf(URL_NAME, "http://podrole-broker.podrole-system.svc")],
  ["a broker in another namespace", valueOf(URL_NAME, "https://podrole-broker.evil.svc")],
  ["no broker", without(URL_NAME)],
  ["a broker that the pod's author names", from(URL_NAME, ofAnnotation)],
  ["a broker that a ConfigMap names", from(URL_NAME, { configMapKeyRef: { name: "a", key: "b" } })],
  ["the broker, then another", also({ name: URL_NAME, value: "https://evil.example" })],
  ["STS, too", also({ name: "PODROLE_STS_ENDPOINT", value: "https://sts.us-east-1.amazonaws.com" })],
  ["the broker through a proxy", also({ name: "PODROLE_STS_PROXY", value: "http://evil.example" })],
  ["for a region", also({ name: "PODROLE_REGION", value: "us-east-1" })],
  ["for a session of another name", also({ name: "PODROLE_SESSION_NAME", value: "admin" })],
  [
    "with keys of a Secret",
    also({
      name: "AWS_ACCESS_KEY_ID",
      valueFrom: { secretKeyRef: { name: "mine", key: "AWS_ACCESS_KEY_ID" } },
    }),
  ],
  ["with another token", also({ name: "PODROLE_WEB_IDENTITY_TOKEN_FILE", value: "/run/podrole/0/token" })],
];

const TRUSTS: readonly (readonly [string, Attack["change"]])[] = [
  ["another CA", valueOf(CA_NAME, other)],
  ["no CA", without(CA_NAME)],
  ["an empty CA", valueOf(CA_NAME, "")],
  [
    "one more CA",
    (pod) => {
      variable(sidecar(pod), CA_NAME).value += other;
    },
  ],
  ["a CA that the pod's author names", from(CA_NAME, ofAnnotation)],
  ["a CA of STS", also({ name: "PODROLE_STS_CA", value: other })],
];

const tokenOf = (pod: KubeObject): KubeObject =>
  pod.spec.volumes.find(({ name }: { name: string }) => name === "podrole-token").projected.sources[0]
    .serviceAccountToken;
const token =
  (over: object): Attack["change"] =>
  (pod) => {
    Object.assign(tokenOf(pod), over);
  };
const asking =
  (audience: string): Attack["change"] =>
  (pod) => {
    const serviceAccountToken = { audience, path: "token" };
    pod.spec.volumes.push({ name: "mine", projected: { sources: [{ serviceAccountToken }] } });
  };

const RESERVED: readonly (readonly [string, Attack["change"], Attack["setting"]?])[] = [
  ["a token for STS in the place of the broker's", token({ audience: "sts.amazonaws.com" })],
  ["a token for the API in the place of the broker's", token({ audience: undefined })],
  ["a token for the broker of another duration", token({ expirationSeconds: 86_400 })],
  ["a token for the broker in another file", token({ path: "other" })],
  ["a second token for the broker", asking("podrole-broker")],
  ["a token for the broker in another source", asking("podrole-broker"), "plain"],
  [
    "a token for the broker in a pod of a Windows node, which podrole leaves alone",
    (pod) => {
      asking("podrole-broker")(pod);
      pod.spec.nodeSelector = { "kubernetes.io/os": "windows" };
    },
  ],
  ["a sidecar's token for the broker in another source", token({ audience: "podrole-broker" }), "plain"],
  [
    "an app that mounts the token for the broker",
    (pod) => {
      pod.spec.containers[0].volumeMounts.push({ name: "podrole-token", mountPath: "/t", readOnly: true });
    },
  ],
];

export const BROKER_ATTACKS: readonly Attack[] = [
  ...ASKS.map(([what, change]) =>
    attack(`a sidecar that asks ${what}`, "INJECTED_DIFFERENTLY", change, { setting }),
  ),
  ...TRUSTS.map(([what, change]) =>
    attack(`a sidecar of source broker that trusts ${what}`, "INJECTED_DIFFERENTLY", change, { setting }),
  ),
  attack(
    "a sidecar that has a broker where the installation has none",
    "INJECTED_DIFFERENTLY",
    also({ name: URL_NAME, value: "https://podrole-broker.podrole-system.svc" }),
  ),
  attack("a sidecar of source broker where the installation has another", "INJECTED_DIFFERENTLY", (pod) => {
    const { env } = sidecar(pod);
    env.unshift({ name: "PODROLE_SOURCE", value: "broker" });
    tokenOf(pod).audience = "podrole-broker";
  }),
  attack(
    "a sidecar without the token for the broker",
    "INJECTED_DIFFERENTLY",
    (pod) => {
      const own = sidecar(pod);
      own.volumeMounts = own.volumeMounts.filter(({ name }: { name: string }) => name !== "podrole-token");
    },
    { setting },
  ),
  ...RESERVED.map(([title, change, of = setting]) => attack(title, "RESERVED_NAME", change, { setting: of })),
];
