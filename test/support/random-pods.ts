import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import type { Fields } from "../../injector/model/read.ts";
import { BILLING } from "./facts.ts";

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ODD: readonly unknown[] = [
  null,
  "",
  0,
  -0,
  1e21,
  true,
  [],
  {},
  [null],
  { a: { b: [] } },
  "$(X)",
  "\ud800",
  "ä\n",
];
const KEYS = ["future", "__proto__", "constructor", "a/b", "~", "toString", "0"];

/** A well-formed pod with random content; some content gets it denied. */
export function randomPod(next: () => number): Fields {
  const chance = (share: number): boolean => next() < share;
  const one = <T>(...of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const some = <T>(most: number, make: (index: number) => T): T[] =>
    Array.from({ length: Math.floor(next() * (most + 1)) }, (_, index) => make(index));
  // Parsed from JSON text, so that `__proto__` becomes an ordinary key.
  const object = (entries: readonly (readonly [string, unknown])[]): Fields =>
    JSON.parse(
      `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`,
    ) as Fields;
  const odd = (): readonly (readonly [string, unknown])[] =>
    some(2, () => [one(...KEYS), one(...ODD)] as const);
  const maybe = (share: number, key: string, make: () => unknown) =>
    chance(share) ? ([[key, chance(0.1) ? null : make()]] as const) : [];

  const env = () =>
    some(4, () =>
      object([
        [
          "name",
          one(
            "A",
            "__proto__",
            "HTTP_PROXY",
            "NO_PROXY",
            "no_proxy",
            "AWS_REGION",
            "AWS_PROFILE",
            ...Object.values(APP_ENV),
          ),
        ],
        ...maybe(0.7, "value", () => one("", "x", "127.0.0.1", "$(A)")),
        ...maybe(0.2, "valueFrom", () => ({ fieldRef: { fieldPath: "metadata.name" } })),
        ...odd(),
      ]),
    );
  const context = () =>
    object([
      ...maybe(0.3, "runAsUser", () => one(0, 1000, 64_169)),
      ...maybe(0.2, "allowPrivilegeEscalation", () => chance(0.5)),
      ...maybe(0.02, "privileged", () => true),
      ...maybe(0.1, one("seccompProfile", "appArmorProfile"), () =>
        object([["type", one("RuntimeDefault", "Localhost", "RuntimeDefault", "Unconfined")], ...odd()]),
      ),
      ...maybe(0.05, "seLinuxOptions", () => object([["type", one("", "container_t", "spc_t")], ...odd()])),
      ...maybe(0.5, "capabilities", () =>
        object([
          ...maybe(0.3, "add", () => some(2, () => one("CHOWN", "cap_net_raw", "NET_BIND_SERVICE"))),
          ...maybe(0.6, "drop", () => some(3, () => one("ALL", "NET_RAW", "CAP_NET_RAW", "MKNOD", ""))),
          ...odd(),
        ]),
      ),
      ...odd(),
    ]);
  const handler = () =>
    object([
      ...maybe(0.5, "httpGet", () => object([...maybe(0.2, "host", () => one("", "10.0.0.1")), ...odd()])),
      ...maybe(0.3, "tcpSocket", () => object([["port", 80], ...odd()])),
    ]);
  const container = (name: string) =>
    object([
      ...odd(),
      ["name", name],
      ...maybe(0.6, "env", env),
      ...maybe(0.6, "securityContext", context),
      ...maybe(0.2, "volumeMounts", () => [{ name: "data", mountPath: "/data" }]),
      ...maybe(0.2, "ports", () =>
        some(2, () => object([...maybe(0.05, "hostPort", () => one(0, 80)), ...odd()])),
      ),
      ...maybe(0.2, one("livenessProbe", "readinessProbe", "startupProbe"), handler),
      ...maybe(0.1, "lifecycle", () => object(maybe(0.5, one("postStart", "preStop"), handler))),
      ...odd(),
    ]);
  const spec = object([
    ...odd(),
    ...maybe(0.5, "initContainers", () => some(3, (index) => container(`init-${index}`))),
    ["containers", [container("app"), ...some(3, (index) => container(`c-${index}`))]],
    ...maybe(0.4, "volumes", () =>
      some(2, (index) =>
        object([["name", `v-${index}`], ...maybe(0.05, "hostPath", () => ({ path: "/var/log" })), ...odd()]),
      ),
    ),
    ...maybe(0.2, "securityContext", () =>
      object([...maybe(0.5, "runAsUser", () => one(1000, 64_169)), ...odd()]),
    ),
    ...odd(),
  ]);
  const annotations = object([
    ...odd().map(([key, value]) => [key, String(value)] as const),
    ...maybe(0.7, ANNOTATION.role, () => BILLING),
    ...maybe(0.2, ANNOTATION.skipContainers, () => "app"),
    ...maybe(0.1, ANNOTATION.region, () => "eu-west-1"),
    ...maybe(0.1, "kubectl.kubernetes.io/default-container", () => "app"),
  ]);
  return object([
    ...maybe(0.9, "metadata", () =>
      object([["name", "web"], ...odd(), ...maybe(0.9, "annotations", () => annotations)]),
    ),
    ...odd(),
    ["spec", spec],
  ]);
}
