import { describe, expect, test } from "vitest";
import type { Container, Pod, SecurityContext } from "../../../injector/model/pod.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { COMMAND, CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import {
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
  withSidecar,
} from "../../support/pods.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";

const TOGETHER = config({ guardContainer: "sidecar" });
const APART = config();

const admit = (one: unknown, settings = TOGETHER, uid = SIDECAR_UID, known = facts()): Pod =>
  injected(one, known, settings, { ...FRESH, uid: () => uid });
const names = ({ spec }: Pod): readonly string[] => (spec.initContainers ?? []).map(({ name }) => name);
const commandOf = (one: Pod): unknown => containerNamed(one, CONTAINER.sidecar)["command"];

const withContainer = (one: Pod, securityContext: SecurityContext): Pod => ({
  ...one,
  spec: { ...one.spec, containers: [...one.spec.containers, { ...app, name: "mesh", securityContext }] },
});

describe("with guardContainer: sidecar", () => {
  test("a pod with a role has one container of podrole's, which starts as root to be the guard first", () => {
    const one = admit(pod());
    expect(names(one)).toEqual([CONTAINER.sidecar]);
    expect(containerNamed(one, CONTAINER.sidecar)).toMatchObject({
      command: COMMAND.guardAndServe,
      restartPolicy: "Always",
      lifecycle: { postStart: { exec: { command: COMMAND.wait } } },
      securityContext: {
        runAsUser: 0,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { add: ["NET_ADMIN", "SETUID", "SETGID"], drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      },
    });
  });

  test("that container has the variables of guard and sidecar, each once", () => {
    const apart = admit(pod(), APART);
    const both = [CONTAINER.guard, CONTAINER.sidecar].map((name) => envOf(containerNamed(apart, name)));
    const { env = [] } = containerNamed(admit(pod()), CONTAINER.sidecar);
    expect(envOf({ name: "", env })).toEqual({ ...both[0], ...both[1] });
    expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
  });

  test("it has NET_RAW where the guard has it", () => {
    const { securityContext } = containerNamed(
      admit(pod(), config({ guardContainer: "sidecar", guardNetRaw: true })),
      CONTAINER.sidecar,
    );
    expect(securityContext?.capabilities?.add).toEqual(["NET_ADMIN", "NET_RAW", "SETUID", "SETGID"]);
  });

  test("a pod without a role has the guard as an init container, as ever", () => {
    expect(admit(plainPod()).spec.initContainers).toEqual(admit(plainPod(), APART).spec.initContainers);
  });

  test("a pod has nothing of a guard where the guard is off", () => {
    const known = facts({ annotations: { [ANNOTATION.guard]: "off" } });
    const of = (settings = APART) => admit(pod(), settings, SIDECAR_UID, known).spec.initContainers;
    expect(of(TOGETHER)).toEqual(of());
  });

  test("EKS's webhook is asked to skip the one container", () => {
    expect(admit(pod()).metadata?.annotations?.[ANNOTATION.irsaSkipContainers]).toBe(CONTAINER.sidecar);
  });

  // The kubelet would keep the files with the pod's tokens for root, which the sidecar no longer is when it reads them.
  test.for<[string, Pod, readonly string[]]>([
    [
      "the pod runs as root",
      pod({ securityContext: { runAsUser: 0 } }),
      [CONTAINER.guard, CONTAINER.sidecar],
    ],
    [
      "each container does",
      withApp({ securityContext: { runAsUser: 0 } }),
      [CONTAINER.guard, CONTAINER.sidecar],
    ],
    [
      "root's group owns its volumes",
      pod({ securityContext: { fsGroup: 0 } }),
      [CONTAINER.guard, CONTAINER.sidecar],
    ],
    [
      "one of its containers names no uid",
      withContainer(withApp({ securityContext: { runAsUser: 0 } }), {}),
      [CONTAINER.sidecar],
    ],
    ["another group owns its volumes", pod({ securityContext: { fsGroup: 2000 } }), [CONTAINER.sidecar]],
  ])("guard and sidecar are one container unless tokens would be root's: %s", ([, one, expected]) => {
    expect(names(admit(one))).toEqual(expected);
  });
});

describe("a second pass over guard and sidecar in one container", () => {
  const first = throughApiServer(admit(pod()));

  test("changes nothing, and keeps the uid", () => {
    expect(admit(first, TOGETHER, 50_000)).toEqual(first);
  });

  test("draws another uid where another webhook's container names it", () => {
    const second = admit(withContainer(first, { runAsUser: SIDECAR_UID }), TOGETHER, 50_000);
    expect(envOf(containerNamed(second, CONTAINER.sidecar))[ENV.sidecarUid]).toBe("50000");
  });

  test("writes the other form where another webhook has made the pod root's, and back", () => {
    const asRoot = { ...first, spec: { ...first.spec, securityContext: { runAsUser: 0 } } };
    const second = throughApiServer(admit(asRoot));
    expect(names(second)).toEqual([CONTAINER.guard, CONTAINER.sidecar]);
    expect(names(admit(withContainer(second, { runAsUser: 7 })))).toEqual([CONTAINER.sidecar]);
  });

  test.for<[string, (container: Container) => Container]>([
    ["another command", (one) => ({ ...one, command: ["podrole-sidecar", "serve"] })],
    [
      "a capability more",
      (one) => ({
        ...one,
        securityContext: {
          ...one.securityContext,
          capabilities: { add: ["NET_ADMIN", "SETUID", "SETGID", "SYS_ADMIN"], drop: ["ALL"] },
        },
      }),
    ],
    [
      "privilege escalation",
      (one) => ({ ...one, securityContext: { ...one.securityContext, allowPrivilegeEscalation: true } }),
    ],
    ["another hook", (one) => ({ ...one, lifecycle: { postStart: { exec: { command: ["true"] } } } })],
    [
      "another address to block",
      (one) => ({
        ...one,
        env: [...(one.env ?? []), { name: ENV.blockedAddresses, value: "192.0.2.1" }],
      }),
    ],
    [
      "root for the sidecar's uid",
      (one) => ({
        ...one,
        env: (one.env ?? []).map((each) => (each.name === ENV.sidecarUid ? { ...each, value: "0" } : each)),
      }),
    ],
  ])("denies a pod that brings it with %s", ([, change]) => {
    expect(denials(withSidecar(first, change), facts(), TOGETHER)).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test("denies a pod that brings it beside a guard", () => {
    const guard = containerNamed(admit(pod(), APART), CONTAINER.guard);
    const both = {
      ...first,
      spec: { ...first.spec, initContainers: [guard, ...(first.spec.initContainers ?? [])] },
    };
    expect(denials(both, facts(), TOGETHER)).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test("denies a pod that brings it to an installation that writes two containers", () => {
    const { [ANNOTATION.status]: _, ...annotations } = first.metadata?.annotations ?? {};
    const brought = { ...first, metadata: { ...first.metadata, annotations } };
    expect(denials(brought)).toEqual(["INJECTED_DIFFERENTLY"]);
  });

  test("writes the form of the settings in effect while they change", () => {
    expect(commandOf(admit(throughApiServer(admit(pod(), APART)), TOGETHER))).toEqual(COMMAND.guardAndServe);
    expect(names(admit(first, APART))).toEqual([CONTAINER.guard, CONTAINER.sidecar]);
  });

  test("denies less memory than the larger of guard and sidecar needs", () => {
    const starved = withSidecar(first, (one) => ({
      ...one,
      resources: { requests: { cpu: "10m", memory: "1Mi" } },
    }));
    expect(codes(starved, facts(), TOGETHER)).toContain("RESOURCES_BELOW_FLOOR");
  });
});
