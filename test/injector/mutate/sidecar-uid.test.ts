import { describe, expect, test } from "vitest";
import { random } from "../../../injector/mutate/fresh.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { CONTAINER, SIDECAR_UIDS } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { facts, json } from "../../support/facts.ts";
import {
  admitted,
  app,
  codes,
  containerNamed,
  denials,
  envOf,
  FRESH,
  injected,
  plainPod,
  pod,
  throughApiServer,
  withApp,
  withInit,
  withSidecar,
} from "../../support/pods.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";

const node = config({ source: "node", policy: "off" });
const drawing = (uid: number) => ({ ...FRESH, uid: () => uid });
const admit = (one: unknown, uid = SIDECAR_UID, settings = config()): Pod =>
  injected(one, facts(), settings, drawing(uid));

/** Where the pod says its sidecar's uid. */
const uidsIn = (one: Pod): readonly (number | string | undefined)[] => {
  const { securityContext } = containerNamed(one, CONTAINER.sidecar);
  const env = envOf(containerNamed(one, CONTAINER.guard));
  return [securityContext?.runAsUser, securityContext?.runAsGroup, env[ENV.sidecarUid]];
};
const everywhere = (uid: number) => [uid, uid, String(uid)];

describe("the uid of a pod's sidecar", () => {
  test("is drawn for each pod, is its gid too, and is told to the guard", () => {
    expect(uidsIn(admit(pod()))).toEqual(everywhere(SIDECAR_UID));
    expect(uidsIn(admit(pod(), 40_000))).toEqual(everywhere(40_000));
  });

  test("is the one that source node lets past the guard", () => {
    const { env = [] } = containerNamed(
      admit(withApp({ securityContext: { runAsUser: 1 } }), 40_001, node),
      CONTAINER.guard,
    );
    expect(env.slice(0, 2)).toEqual([
      { name: ENV.openUid, value: "40001" },
      { name: ENV.sidecarUid, value: "40001" },
    ]);
  });

  test("is random, and within the ids that a user namespace maps", () => {
    const drawn = Array.from({ length: 2_000 }, () => random.uid());
    expect(new Set(drawn).size).toBeGreaterThan(1_000);
    for (const uid of drawn) expect(uid >= SIDECAR_UIDS.min && uid <= SIDECAR_UIDS.max).toBe(true);
    expect(SIDECAR_UIDS).toEqual({ min: 40_000, max: 64_999 });
  });

  const named = { securityContext: { runAsUser: SIDECAR_UID } };
  test.for([
    ["an app's container runs as", withApp(named)],
    ["an app's container has for a group", withApp({ securityContext: { runAsGroup: SIDECAR_UID } })],
    ["an init container runs as", pod({ initContainers: [{ ...app, ...named, name: "setup" }] })],
    ["the pod runs as", pod(named)],
    ["the pod has for a group", pod({ securityContext: { runAsGroup: SIDECAR_UID } })],
    ["the pod's volumes have for a group", pod({ securityContext: { fsGroup: SIDECAR_UID } })],
    ["the pod has among its groups", pod({ securityContext: { supplementalGroups: [7, SIDECAR_UID] } })],
    ["a manifest writes as 6.4169e4", json(JSON.stringify(pod(named)).replace("64169", "6.4169e4"))],
  ] as const)("is never the one that %s", ([, one]) => {
    expect(uidsIn(admit(one))).toEqual(everywhere(SIDECAR_UID + 1));
  });

  test("begins again at the lowest where the pod names the highest", () => {
    const { max, min } = SIDECAR_UIDS;
    expect(uidsIn(admit(pod({ securityContext: { runAsUser: max } }), max))).toEqual(everywhere(min));
  });

  test("is looked for in vain where the pod names every one, which denies the pod", () => {
    const all = Array.from({ length: 25_000 }, (_, index) => SIDECAR_UIDS.min + index);
    const securityContext = { supplementalGroups: all };
    expect(denials(pod({ securityContext }))).toEqual(["SIDECAR_UID"]);
    expect(denials(plainPod({ securityContext }))).toEqual(["inject"]);
    expect(uidsIn(admit(pod({ securityContext: { supplementalGroups: all.toSpliced(77, 1) } })))).toEqual(
      everywhere(40_077),
    );
  });
});

describe("a second pass", () => {
  const first = throughApiServer(admit(pod()));
  const other: Container = { ...app, name: "mesh" };

  test("keeps the uid, also where another webhook has added a container", () => {
    expect(admit(first, 50_000)).toEqual(first);
    const more = { ...first, spec: { ...first.spec, containers: [...first.spec.containers, other] } };
    expect(uidsIn(admit(more, 50_000))).toEqual(everywhere(SIDECAR_UID));
  });

  test("draws another where another webhook's container names it, in guard and sidecar alike", () => {
    const mesh = { ...other, securityContext: { runAsUser: SIDECAR_UID } };
    const taken = { ...first, spec: { ...first.spec, containers: [...first.spec.containers, mesh] } };
    const second = admit(taken, 50_000);
    expect(uidsIn(second)).toEqual(everywhere(50_000));
    expect(admit(throughApiServer(second), 60_000)).toEqual(throughApiServer(second));
  });

  test.for([0, 1000, 39_999, 65_000, 65_532, 105_000, 50_000.5])(
    "denies a pod whose manifest brings a sidecar with uid %d",
    (uid) => {
      const brought = withSidecar(first, (sidecar) => ({
        ...sidecar,
        securityContext: { ...sidecar.securityContext, runAsUser: uid, runAsGroup: uid },
      }));
      expect(denials(brought)).toEqual(["INJECTED_DIFFERENTLY"]);
    },
  );

  test("denies a pod whose guard or gid stands for another uid than its sidecar", () => {
    const gid = withSidecar(first, (sidecar) => ({
      ...sidecar,
      securityContext: { ...sidecar.securityContext, runAsGroup: 50_000 },
    }));
    const uid = withSidecar(first, (sidecar) => ({
      ...sidecar,
      securityContext: { ...sidecar.securityContext, runAsUser: 50_000, runAsGroup: 50_000 },
    }));
    for (const one of [gid, uid]) expect(codes(one)).toContain("INJECTED_DIFFERENTLY");
    expect(admitted(uid).kind).toBe("deny");
  });

  test("gives a pod a new sidecar when a manifest brings a guard alone", () => {
    const guard = containerNamed(admit(plainPod()), CONTAINER.guard);
    expect(uidsIn(admit(withInit(pod(), []), 40_002))).toEqual(everywhere(40_002));
    expect(denials(withInit(pod(), [guard]))).toEqual(["INJECTED_DIFFERENTLY"]);
  });
});
