import { expect, test } from "vitest";
import type { Container, Pod } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { app, injected, pod, withApp } from "../support/pods.ts";
import { SETTINGS, SPACES } from "./cluster.ts";
import { debugProblems, unguarded } from "./guarded.ts";

/** The fuzzer's own judge. A judge that notices nothing would pass every injector. */

const [SHOP, LOGS] = SPACES;
const spaceNamed = (wanted: string) => SPACES.find(({ name }) => name === wanted);
const [RESTRICTED, BLOCKED] = ["restricted", "blocked"].map(spaceNamed);
const ONE = injected(pod(), facts(), config({ image: SETTINGS.image, guardContainer: "sidecar" }));
const GUARDED = injected(pod(), facts(), config({ image: SETTINGS.image }));
const problems = (one: unknown, space = SHOP): readonly string[] =>
  space === undefined ? [] : unguarded(one, space, { guardContainer: "init", guard: "auto" });
/** Where guard and sidecar may be one container. */
const AS_ONE = { guardContainer: "sidecar", guard: "auto" } as const;

/** The guarded pod with fields of one init container changed. */
const withInit = (place: number, over: Partial<Container>): Pod => ({
  ...GUARDED,
  spec: {
    ...GUARDED.spec,
    initContainers: (GUARDED.spec.initContainers ?? []).map((one, index) =>
      index === place ? { ...one, ...over } : one,
    ),
  },
});

/** The guarded pod with fields of its app changed. */
const withUser = (over: Partial<Container>): Pod =>
  withApp({ securityContext: { capabilities: { drop: ["ALL"] } }, ...over }, GUARDED);

test("a pod as podrole patches it is guarded", () => {
  expect(problems(GUARDED)).toEqual([]);
  expect(problems(withUser({}))).toEqual([]);
});

test.for<readonly [string, unknown]>([
  ["without a guard", { ...GUARDED, spec: { ...GUARDED.spec, initContainers: [] } }],
  ["that is no object", null],
  ["with another image of the guard", withInit(0, { image: "evil/image:1" })],
  ["with another command of the guard", withInit(0, { command: ["true"] })],
  [
    "with a variable of others in the guard",
    withInit(0, { env: [{ name: "DD_AGENT_HOST", value: "node" }] }),
  ],
  ["with an argument of others for the sidecar", withInit(1, { args: ["--help"] })],
  [
    "with a mount of others in the sidecar",
    withInit(1, { volumeMounts: [{ name: "certs", mountPath: "/usr" }] }),
  ],
  ["with a hook of others in the sidecar", withInit(1, { lifecycle: { postStart: {}, preStop: {} } })],
  ["with a claim of the guard", withInit(0, { resources: { claims: [{ name: "device" }] } })],
  ["with a guard that restarts", withInit(0, { restartPolicy: "Always" })],
  [
    "with a guard that blocks something else",
    withInit(0, { env: [{ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" }] }),
  ],
  [
    "with a source in the volume that is to be empty",
    {
      ...GUARDED,
      spec: {
        ...GUARDED.spec,
        volumes: [{ name: "podrole-no-api-token", projected: { sources: [{ serviceAccountToken: {} }] } }],
      },
    },
  ],
  ["with a guard of little memory", withInit(0, { resources: { limits: { memory: "6Mi" } } })],
  [
    "with a guard of half a byte too little",
    withInit(0, { resources: { limits: { memory: "33554431500m" } } }),
  ],
  ["with a sidecar in root's group", withInit(1, { securityContext: { runAsUser: 64_169, runAsGroup: 0 } })],
  ["with a guard that has a token for the API", withInit(0, { volumeMounts: [] })],
  ["with a sidecar that has a token for the API", withInit(1, { volumeMounts: [] })],
  [
    "with a volume of podrole's that holds something",
    {
      ...GUARDED,
      spec: {
        ...GUARDED.spec,
        volumes: [{ name: "podrole-no-api-token", projected: { sources: [{ secret: { name: "a" } }] } }],
      },
    },
  ],
  ["with another uid of the sidecar", withInit(1, { securityContext: { runAsUser: 0 } })],
  ["with NET_RAW", withUser({ securityContext: {} })],
  [
    "that adds a capability outside of baseline",
    withUser({ securityContext: { capabilities: { add: ["DAC_READ_SEARCH"], drop: ["ALL"] } } }),
  ],
  [
    "that is privileged",
    withUser({ securityContext: { privileged: true, capabilities: { drop: ["ALL"] } } }),
  ],
  ["with a port of the node", withUser({ ports: [{ hostPort: 80 }] })],
  ["with a probe of another host", withUser({ livenessProbe: { tcpSocket: { host: "10.0.0.1" } } })],
  ["with a reserved name", withUser({ name: "podrole-x" })],
  ["with the sidecar's token", withUser({ volumeMounts: [{ name: "podrole-token", mountPath: "/t" }] })],
  [
    "with an identity's token elsewhere",
    withUser({ volumeMounts: [{ name: "podrole-identity-0", mountPath: "/t", readOnly: true }] }),
  ],
  [
    "that asks for an identity's token",
    {
      ...GUARDED,
      spec: {
        ...GUARDED.spec,
        volumes: [
          {
            name: "mine",
            projected: { sources: [{ serviceAccountToken: { audience: "podrole.dev/pod", path: "t" } }] },
          },
        ],
      },
    },
  ],
  ["in the node's process table", { ...GUARDED, spec: { ...GUARDED.spec, hostPID: true } }],
  [
    "with a path of the node",
    { ...GUARDED, spec: { ...GUARDED.spec, volumes: [{ name: "logs", hostPath: { path: "/var/log" } }] } },
  ],
])("a pod %s is not guarded", ([, one]) => {
  expect(problems(one)).not.toEqual([]);
});

/** The pod whose one container of podrole's is guard and sidecar, with fields of it changed. */
const withOne = (over: Partial<Container>): Pod => ({
  ...ONE,
  spec: { ...ONE.spec, initContainers: (ONE.spec.initContainers ?? []).map((one) => ({ ...one, ...over })) },
});
const security = (over: Container["securityContext"]): Partial<Container> => ({
  securityContext: { ...ONE.spec.initContainers?.[0]?.securityContext, ...over },
});

test("a pod whose sidecar is the guard too is guarded where the setting says so, and nowhere else", () => {
  expect(SHOP && unguarded(ONE, SHOP, AS_ONE)).toEqual([]);
  expect(SHOP && unguarded(GUARDED, SHOP, AS_ONE)).toEqual([]);
  expect(problems(ONE)).not.toEqual([]);
});

test.for<readonly [string, Partial<Container>]>([
  ["that ends", { restartPolicy: undefined }],
  ["without the hook", { lifecycle: null }],
  ["that names no uid", { env: [] }],
  ["that may escalate", security({ allowPrivilegeEscalation: true })],
  ["with more capabilities", security({ capabilities: { add: ["NET_ADMIN", "SYS_ADMIN"], drop: ["ALL"] } })],
  ["of another image", { image: "evil/image:1" }],
  ["with a token for the API", { volumeMounts: [] }],
])("a guard and sidecar %s guards nothing", ([, over]) => {
  expect(SHOP && unguarded(withOne(over), SHOP, AS_ONE)).not.toEqual([]);
});

const VERIFIED = injected(
  pod(),
  facts({ annotations: { "podrole.dev/guard": "verify" } }),
  config({ image: SETTINGS.image }),
);
const verifierWith = (over: Partial<Container>, place = 0): Pod => ({
  ...VERIFIED,
  spec: {
    ...VERIFIED.spec,
    initContainers: (VERIFIED.spec.initContainers ?? []).map((one, index) =>
      index === place
        ? { ...one, ...over, securityContext: { ...one.securityContext, ...over.securityContext } }
        : one,
    ),
  },
});

test("a guard that verifies is one where the setting, the namespace or its level says so, and nowhere else", () => {
  const verifying = { guardContainer: "sidecar", guard: "verify" } as const;
  expect(SHOP && unguarded(VERIFIED, SHOP, verifying)).toEqual([]);
  expect(RESTRICTED && unguarded(VERIFIED, RESTRICTED, AS_ONE)).toEqual([]);
  expect(problems(VERIFIED)).not.toEqual([]);
  expect(BLOCKED && unguarded(VERIFIED, BLOCKED, verifying)).not.toEqual([]);
  for (const one of [GUARDED, ONE]) expect(SHOP && unguarded(one, SHOP, verifying)).not.toEqual([]);
});

test.for<readonly [string, Partial<Container>, number?]>([
  ["with a capability", { securityContext: { capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } } }],
  ["that drops nothing", { securityContext: { capabilities: {} } }],
  ["that is root", { securityContext: { runAsUser: 0 } }],
  ["in root's group", { securityContext: { runAsGroup: 0 } }],
  ["without seccomp", { securityContext: { seccompProfile: { type: "Unconfined" } } }],
  ["with other addresses", { env: [{ name: "PODROLE_BLOCKED_ADDRESSES", value: "192.0.2.1" }] }],
  ["with the command of another mode", { command: ["podrole-sidecar", "guard"] }],
  ["whose sidecar checks in another mode", { env: [] }, 1],
])("a guard %s verifies nothing", ([, over, place]) => {
  expect(problems(verifierWith(over, place), RESTRICTED)).not.toEqual([]);
});

test("what a namespace exempts is not a problem in it", () => {
  const logs = {
    ...withUser({ ports: [{ hostPort: 80 }] }),
    spec: {
      ...withUser({ ports: [{ hostPort: 80 }] }).spec,
      volumes: [{ name: "logs", hostPath: { path: "/var/log" } }],
    },
  };
  expect(problems(logs, LOGS)).toEqual([]);
});

test.for<readonly [string, Partial<Container>, object]>([
  ["before the guard has ended", { securityContext: { capabilities: { drop: ["ALL"] } } }, {}],
  [
    "with NET_RAW",
    {},
    { initContainerStatuses: [{ name: "podrole-guard", state: { terminated: { exitCode: 0 } } }] },
  ],
])("an ephemeral container %s is a problem", ([, over, status]) => {
  const before = { ...GUARDED, status };
  const after = { ...before, spec: { ...GUARDED.spec, ephemeralContainers: [{ ...app, ...over }] } };
  expect(debugProblems(before, after, after)).not.toEqual([]);
});

test("an ephemeral container is a problem until the sidecar that is the guard has started", () => {
  const debugged = (started: boolean): readonly string[] => {
    const status = { initContainerStatuses: [{ name: "podrole-sidecar", started, state: { running: {} } }] };
    const before = { ...ONE, status };
    const confined = { ...app, securityContext: { capabilities: { drop: ["ALL"] } } };
    const after = { ...before, spec: { ...ONE.spec, ephemeralContainers: [confined] } };
    return debugProblems(before, after, after);
  };
  expect(debugged(true)).toEqual([]);
  expect(debugged(false)).not.toEqual([]);
});
