import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec } from "../../../../injector/model/pod.ts";
import { config } from "../../../support/config.ts";
import { facts } from "../../../support/facts.ts";
import { attacking, MESH_ATTACKS } from "../../../support/mesh-attacks.ts";
import {
  istioInit,
  LINKERD_LINE,
  linkerdInit,
  lockVolume,
  MESH_IMAGES,
  MESH_LINES,
} from "../../../support/mesh-inits.ts";
import {
  admitted,
  app,
  containerNamed,
  denials,
  injected,
  plainPod,
  pod,
  throughApiServer,
} from "../../../support/pods.ts";

const trusting = config({ meshInitImages: MESH_IMAGES });
const withInit = (container: Container, spec: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  initContainers: [container],
  volumes: [lockVolume],
  ...spec,
});
const meshFinding = (one: Pod, ...rest: [Parameters<typeof facts>[0]?, ReturnType<typeof config>?]) => {
  const [surroundings, settings] = rest;
  const found = admitted(one, facts(surroundings), settings).findings.find(
    ({ code }) => code === "MESH_INIT",
  );
  return found && `${found.message} ${found.remedy}`;
};

describe("the init container of a mesh", () => {
  test.for([istioInit, linkerdInit])("$name is refused where no setting trusts it", (container) => {
    for (const make of [pod, plainPod]) expect(denials(make(withInit(container)))).toEqual(["MESH_INIT"]);
  });

  test("is refused with the mesh's name and the two ways out", () => {
    expect(meshFinding(pod(withInit(istioInit)))).toBe(
      'Container "istio-init" of Istio adds NET_ADMIN and NET_RAW, which podrole forbids in pods with a guard (Pod Security level baseline). ' +
        "Ask a cluster admin to install Istio's CNI plugin, which needs no such container, or to add " +
        "istio=docker.io/istio/proxyv2 to the setting meshInitImages.",
    );
    expect(meshFinding(pod(withInit({ ...linkerdInit, image: "linkerd/proxy:1" })))).toContain(
      "or to add an entry for its image, which has to name its registry, to the setting",
    );
  });

  test.for([istioInit, linkerdInit])("$name is admitted where the setting trusts its image", (container) => {
    for (const make of [pod, plainPod]) {
      expect(denials(make(withInit(container)), facts(), trusting)).toEqual(["inject"]);
    }
  });

  test.for(MESH_LINES)(
    "$0.name is admitted with all arguments that its mesh writes: $1",
    ([container, line]) => {
      const initContainers = [{ ...container, args: line.split(" ") }];
      expect(denials(pod({ initContainers, volumes: [lockVolume] }), facts(), trusting)).toEqual(["inject"]);
    },
  );

  test.for(MESH_ATTACKS)("is refused if its image is trusted and it $what", (attack) => {
    expect(denials(pod(attacking(attack)), facts(), trusting)).toContain(attack.code ?? "MESH_INIT");
  });

  test("is refused with what differs from what its mesh writes", () => {
    const env = [{ name: "LD_PRELOAD", value: "a" }];
    expect(meshFinding(pod(withInit({ ...istioInit, env, args: [] })), {}, trusting)).toBe(
      'Container "istio-init" of Istio, which is not as Istio writes it (args, env LD_PRELOAD), adds NET_ADMIN and NET_RAW, ' +
        "which podrole forbids in pods with a guard (Pod Security level baseline). " +
        "Leave it as Istio writes it, or ask a cluster admin to install Istio's CNI plugin, which needs no such container.",
    );
  });

  test("may have Istio's metadata, AWS's variables, tokens, and be pulled by a digest that the setting names", () => {
    const digest = `@sha256:${"a".repeat(64)}`;
    const container = {
      ...istioInit,
      image: `docker.io/istio/proxyv2:1.30.0${digest}`,
      env: [
        { name: "ISTIO_META_DNS_CAPTURE", value: "true" },
        { name: "AWS_ROLE_ARN", value: "a" },
      ],
      volumeMounts: [{ name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
    };
    const settings = config({ meshInitImages: [`istio=docker.io/istio/proxyv2${digest}`] });
    expect(denials(pod(withInit(container)), facts(), settings)).toEqual(["inject"]);
    expect(denials(pod(withInit({ ...container, image: `${container.image}0` })), facts(), settings)).toEqual(
      ["MESH_INIT"],
    );
  });

  test.for(["containers", "ephemeralContainers"] as const)("is no such container in %s", (list) => {
    expect(
      denials(plainPod({ [list]: [app, istioInit].slice(list === "containers" ? 0 : 1) }), facts(), trusting),
    ).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test("does not make other containers trusted, nor a second one of its name", () => {
    const evil = { ...istioInit, image: "evil.example/a:1" };
    expect(denials(pod({ initContainers: [istioInit, evil] }), facts(), trusting)).toEqual(["MESH_INIT"]);
    expect(
      denials(pod({ initContainers: [istioInit, { ...istioInit, name: "b" }] }), facts(), trusting),
    ).toEqual(["CAPABILITY_FORBIDDEN"]);
  });

  test("is refused in source node, where the guard lets the sidecar's uid through", () => {
    const node = { ...trusting, source: "node", policy: "off" } as const;
    const containers = [{ ...app, securityContext: { runAsUser: 1000 } }];
    expect(meshFinding(pod(withInit(istioInit, { containers })), {}, node)).toContain(
      'Container "istio-init" of Istio, with source node, adds NET_ADMIN and NET_RAW',
    );
    expect(denials(plainPod(withInit(istioInit, { containers })), facts(), node)).toEqual(["inject"]);
  });

  test("is refused on the node's network, where no guard can be", () => {
    const warn = { ...trusting, hostNetwork: "warn" } as const;
    expect(denials(plainPod(withInit(istioInit, { hostNetwork: true })), facts(), warn)).toEqual([
      "MESH_INIT",
    ]);
  });

  test("is refused where the pod's containers see each other's processes", () => {
    const shared = plainPod(withInit(istioInit, { shareProcessNamespace: true }));
    expect(denials(shared, facts(), trusting)).toEqual(["MESH_INIT"]);
  });

  test("is no matter of an exemption of the namespace", () => {
    for (const exempt of ["meshInit", "capabilities=NET_ADMIN,capabilities=NET_RAW"]) {
      const known = facts({ annotations: { "podrole.dev/exempt": exempt } });
      expect(denials(pod(withInit(istioInit)), known)).toEqual(["MESH_INIT"]);
    }
  });

  test("is trusted beside a guard that verifies as beside one that blocks", () => {
    const verify = { annotations: { "podrole.dev/guard": "verify" } };
    const args = LINKERD_LINE.replace("--proxy-uid 2102", "--proxy-uid 2102 --proxy-gid 2102").split(" ");
    for (const container of [istioInit, { ...linkerdInit, args }]) {
      for (const make of [pod, plainPod]) {
        expect(denials(make(withInit(container)), facts(verify))).toEqual(["MESH_INIT"]);
        expect(denials(make(withInit(container)), facts(verify), trusting)).toEqual(["inject"]);
        expect(
          denials(make(withInit({ ...container, env: [{ name: "LD_PRELOAD" }] })), facts(verify), trusting),
        ).toEqual(["MESH_INIT"]);
      }
    }
    expect(meshFinding(pod(withInit(istioInit)), verify)).toContain(
      "or, if the namespace is at Pod Security level privileged, to add istio=docker.io/istio/proxyv2",
    );
  });

  test("is refused beside a guard that verifies if Linkerd's proxy has no group, so that the proxy would answer", () => {
    const verify = { annotations: { "podrole.dev/guard": "verify" } };
    for (const make of [pod, plainPod]) {
      expect(meshFinding(make(withInit(linkerdInit)), verify, trusting)).toBe(
        'Container "linkerd-init" of Linkerd, beside a guard in mode verify and without a group of the proxy, adds NET_ADMIN and ' +
          "NET_RAW, which podrole forbids in pods with a guard (Pod Security level baseline). " +
          "Ask a cluster admin to install Linkerd's CNI plugin, which needs no such container, or to set the annotation " +
          'config.linkerd.io/proxy-gid of the namespace, such as to "2102".',
      );
    }
  });

  test("needs no trust where the guard is off", () => {
    const off = facts({ annotations: { "podrole.dev/guard": "off" } });
    expect(denials(pod(withInit(istioInit)), off)).toEqual(["inject"]);
  });
});

describe("a trusted init container of a mesh", () => {
  test.for([istioInit, linkerdInit])("$name keeps its capabilities", ({ name, ...rest }) => {
    const after = injected(pod(withInit({ name, ...rest })), facts(), trusting);
    expect(containerNamed(after, name).securityContext).toEqual(rest.securityContext);
    expect(containerNamed(after, "app").securityContext?.capabilities).toEqual({ drop: ["NET_RAW"] });
  });

  test.for([istioInit, linkerdInit])(
    "$name runs after the guard and the sidecar, wherever the mesh put it",
    (container) => {
      const after = injected(pod(withInit(container)), facts(), trusting);
      const names = after.spec.initContainers?.map(({ name }) => name);
      expect(names).toEqual(["podrole-guard", "podrole-sidecar", container.name]);
      const again = {
        ...after,
        spec: { ...after.spec, initContainers: after.spec.initContainers?.toReversed() ?? [] },
      };
      const order = injected(throughApiServer(again), facts(), trusting).spec.initContainers;
      expect(order?.map(({ name }) => name)).toEqual(names);
    },
  );
});
