import { describe, expect, test } from "vitest";
import { gidOfSidecar, uidOfSidecar } from "../../../injector/model/own-form.ts";
import type { Container, Pod } from "../../../injector/model/pod.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import {
  app,
  containerNamed,
  denials,
  FRESH,
  injected,
  pod,
  throughApiServer,
  withSidecar,
} from "../../support/pods.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";

const ANNOUNCED = facts({ labels: { "istio-injection": "enabled" } });
const PROXY: Container = {
  name: "istio-proxy",
  image: "istio/proxyv2:1",
  ["restartPolicy"]: "Always",
  securityContext: { runAsUser: 1_000_730_000, runAsGroup: 1_000_730_001 },
};

const FORMS = [
  ["two containers", config()],
  ["one container", config({ guardContainer: "sidecar" })],
] as const;

/** Istio's webhook puts its native sidecar before everything else. */
const withProxy = (one: Pod): Pod => ({
  ...one,
  spec: { ...one.spec, initContainers: [PROXY, ...(one.spec.initContainers ?? [])] },
});

describe.for(FORMS)("guard and sidecar as %s in a mesh", ([, settings]) => {
  const admit = (one: unknown, known = facts()): Pod => injected(one, known, settings, FRESH);
  const ids = (one: Pod): readonly [number | undefined, number | undefined] => {
    const sidecar = containerNamed(one, CONTAINER.sidecar);
    return [uidOfSidecar(sidecar), gidOfSidecar(sidecar)];
  };

  test("keep the sidecar's own uid beside the proxy's group", () => {
    expect(ids(admit(pod(), ANNOUNCED))).toEqual([SIDECAR_UID, 1337]);
  });

  test.for([
    ["is announced by nothing", facts()],
    ["is announced", ANNOUNCED],
  ] as const)(
    "are written anew, ahead of all others, when a proxy with another group comes and %s",
    ([, known]) => {
      const second = admit(withProxy(throughApiServer(admit(pod(), known))), known);

      expect(ids(second)).toEqual([SIDECAR_UID, 1_000_730_001]);
      expect(second.spec.initContainers?.at(-1)?.name).toBe("istio-proxy");
      expect(admit(throughApiServer(second), known)).toEqual(throughApiServer(second));
    },
  );

  test("are refused when a manifest brings them with the group of no mesh", () => {
    const first = admit(withProxy(pod()));
    const forged = withSidecar(first, (sidecar) =>
      settings.guardContainer === "init"
        ? { ...sidecar, securityContext: { ...sidecar.securityContext, runAsGroup: 50_000 } }
        : {
            ...sidecar,
            env: (sidecar.env ?? []).map((one) =>
              one.name === "PODROLE_SIDECAR_GID" ? { ...one, value: "50000" } : one,
            ),
          },
    );

    expect(denials(forged, facts(), settings)).toEqual(["INJECTED_DIFFERENTLY"]);
  });
});

describe("a guard that verifies, in a pod without a role", () => {
  const verifying = (annotations = {}) =>
    facts({ annotations: { "podrole.dev/guard": "verify", ...annotations } });
  const plain = pod({}, {});
  const group = (one: Pod): number | null | undefined =>
    containerNamed(one, CONTAINER.guard).securityContext?.runAsGroup;

  test.for<readonly [string, Pod, number]>([
    ["in no mesh", plain, 40_000],
    ["with Istio's proxy", withProxy(plain), 1_000_730_001],
    ["announced to Istio", pod({}, { "sidecar.istio.io/inject": "true" }), 1337],
    ["announced to Linkerd", pod({}, { "linkerd.io/inject": "enabled" }), 2102],
    [
      "with a group of its own for Linkerd",
      pod({}, { "linkerd.io/inject": "enabled", "config.linkerd.io/proxy-gid": "3000" }),
      3000,
    ],
    [
      "with root's group for Linkerd, which means none",
      pod({}, { "linkerd.io/inject": "enabled", "config.linkerd.io/proxy-gid": "0" }),
      2102,
    ],
  ])("has the group that the mesh's redirect leaves alone: %s", ([, one, gid]) => {
    const after = injected(one, verifying());
    expect(group(after)).toBe(gid);
    expect(containerNamed(after, CONTAINER.guard).securityContext?.runAsUser).toBe(40_000);
    const told = after.metadata?.annotations?.["config.linkerd.io/proxy-gid"];
    expect(told).toBe(gid === 2102 || gid === 3000 ? String(gid) : undefined);
    expect(injected(throughApiServer(after), verifying())).toEqual(throughApiServer(after));
  });

  test("is written anew when a proxy with another group comes", () => {
    const first = injected(plain, verifying());
    const second = injected(withProxy(throughApiServer(first)), verifying());
    expect(group(second)).toBe(1_000_730_001);
    expect(second.spec.initContainers?.map(({ name }) => name)).toEqual([CONTAINER.guard, "istio-proxy"]);
  });

  test("is refused when a manifest brings it with the group of no mesh, or with another uid", () => {
    const first = injected(plain, verifying());
    for (const over of [{ runAsGroup: 50_000 }, { runAsUser: 1000 }, { runAsGroup: 0 }]) {
      const [guard] = first.spec.initContainers ?? [];
      const forged = {
        ...guard,
        name: CONTAINER.guard,
        securityContext: { ...guard?.securityContext, ...over },
      };
      const brought = { ...first, spec: { ...first.spec, initContainers: [forged] } };
      expect(denials(brought, verifying())).toEqual(["INJECTED_DIFFERENTLY"]);
    }
  });
});

test("a pod outside every mesh has a sidecar whose uid and gid are one number", () => {
  const { securityContext } = containerNamed(injected(pod({ containers: [app] })), CONTAINER.sidecar);
  expect(securityContext).toMatchObject({ runAsUser: SIDECAR_UID, runAsGroup: SIDECAR_UID });
});
