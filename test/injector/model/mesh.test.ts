import { expect, test } from "vitest";
import { meshOf, type Mesh } from "../../../injector/model/mesh.ts";
import type { Container, Pod, SecurityContext } from "../../../injector/model/pod.ts";
import { app, plainPod } from "../../support/pods.ts";

type Marks = Readonly<Record<string, string>>;

const EMPTY = { labels: {}, annotations: {} };
const container = (name: string, securityContext: SecurityContext = {}): Container => ({
  name,
  securityContext,
});
const marked = (labels: Marks, annotations: Marks = {}): Pod => ({
  ...plainPod(),
  metadata: { labels, annotations },
});

const istio = (mode: Mesh["mode"], proxyGid = 1337): Mesh => ({ name: "Istio", mode, proxyGid });
const linkerd = (mode: Mesh["mode"], proxyGid?: number): Mesh => ({ name: "Linkerd", mode, proxyGid });

test.for<[string, readonly Container[], readonly Container[], Mesh | undefined]>([
  ["no mesh's", [container("migrate")], [], undefined],
  ["Istio's with its CNI plugin", [container("istio-validation")], [container("istio-proxy")], istio("cni")],
  ["Istio's as native sidecar", [container("istio-validation"), container("istio-proxy")], [], istio("cni")],
  ["Istio's with an init container", [container("istio-init")], [container("istio-proxy")], istio("init")],
  [
    "Linkerd's with its CNI plugin",
    [container("linkerd-network-validator")],
    [container("linkerd-proxy")],
    linkerd("cni"),
  ],
  ["Linkerd's as native sidecar", [container("linkerd-proxy")], [], linkerd("cni")],
  [
    "Linkerd's with an init container",
    [container("linkerd-init"), container("linkerd-proxy")],
    [],
    linkerd("init"),
  ],
])("the mesh is known by the pod's containers if they are %s", ([, initContainers, containers, expected]) => {
  const pod = plainPod({ initContainers, containers: [app, ...containers] });

  expect(meshOf(pod, EMPTY)).toEqual(expected);
});

test.for<[string, Marks, Marks, Marks, Mesh | undefined]>([
  [
    "istio-injection is enabled for the namespace",
    {},
    {},
    { "istio-injection": "enabled" },
    istio(undefined),
  ],
  ["the namespace has a revision of Istio", {}, {}, { "istio.io/rev": "canary" }, istio(undefined)],
  ["the pod has a revision of Istio", { "istio.io/rev": "canary" }, {}, {}, istio(undefined)],
  ["a label of the pod asks for it", { "sidecar.istio.io/inject": "true" }, {}, {}, istio(undefined)],
  ["an annotation of the pod asks for it", {}, { "sidecar.istio.io/inject": "true" }, {}, istio(undefined)],
  ["Istio's status is there already", {}, { "sidecar.istio.io/status": "{}" }, {}, istio(undefined)],
])("Istio will inject its proxy when %s", ([, labels, annotations, ofNamespace, expected]) => {
  expect(meshOf(marked(labels, annotations), { ...EMPTY, labels: ofNamespace })).toEqual(expected);
});

test.for<[string, Marks, Marks, Marks]>([
  ["nothing asks for it", {}, {}, {}],
  [
    "istio-injection is disabled, whatever the revision",
    {},
    {},
    { "istio-injection": "disabled", "istio.io/rev": "1" },
  ],
  [
    "a label of the pod refuses it",
    { "sidecar.istio.io/inject": "false" },
    {},
    { "istio-injection": "enabled" },
  ],
  [
    "an annotation of the pod refuses it",
    {},
    { "sidecar.istio.io/inject": "false" },
    { "istio-injection": "enabled" },
  ],
  [
    "the pod's label refuses what its annotation asks for",
    { "sidecar.istio.io/inject": "false" },
    { "sidecar.istio.io/inject": "true" },
    {},
  ],
  ["the namespace is in ambient mode", {}, {}, { "istio.io/dataplane-mode": "ambient" }],
])("Istio will inject no proxy when %s", ([, labels, annotations, ofNamespace]) => {
  expect(meshOf(marked(labels, annotations), { ...EMPTY, labels: ofNamespace })).toBeUndefined();
});

test.for<[Marks, Marks, Mesh | undefined]>([
  [{ "linkerd.io/inject": "enabled" }, {}, linkerd(undefined)],
  [{ "linkerd.io/inject": "ingress" }, {}, linkerd(undefined)],
  [{}, { "linkerd.io/inject": "enabled" }, linkerd(undefined)],
  [{ "linkerd.io/inject": "disabled" }, { "linkerd.io/inject": "enabled" }, undefined],
])(
  "Linkerd's annotations %j of the pod and %j of the namespace announce %j",
  ([annotations, ofNamespace, expected]) => {
    expect(meshOf(marked({}, annotations), { ...EMPTY, annotations: ofNamespace })).toEqual(expected);
  },
);

test("the mesh whose containers the pod has goes before one that the namespace announces", () => {
  const pod = plainPod({ initContainers: [container("linkerd-proxy")] });

  expect(meshOf(pod, { ...EMPTY, labels: { "istio-injection": "enabled" } })).toEqual(linkerd("cni"));
});

test.for<[number | undefined, number]>([
  [undefined, 1337],
  [0, 1337],
  [1_000_730_001, 1_000_730_001],
  [2 ** 31, 1337],
  [1.5, 1337],
])("Istio's redirect leaves out the group that its proxy has: %j gives %i", ([runAsGroup, expected]) => {
  const proxy = container("istio-proxy", runAsGroup === undefined ? {} : { runAsGroup });

  expect(meshOf(plainPod({ containers: [app, proxy] }), EMPTY)?.proxyGid).toBe(expected);
});

const GID = "config.linkerd.io/proxy-gid";

test.for<[string, Marks, Marks, SecurityContext, number | undefined]>([
  ["none where nobody has set one", {}, {}, {}, undefined],
  ["the proxy's", {}, {}, { runAsGroup: 3000 }, 3000],
  ["the namespace's before the proxy's", {}, { [GID]: "2102" }, { runAsGroup: 3000 }, 2102],
  ["the pod's before the namespace's", { [GID]: "4000" }, { [GID]: "2102" }, {}, 4000],
  ["not one that is no group", { [GID]: "-1" }, {}, {}, undefined],
  ["not root's", { [GID]: "0" }, {}, {}, undefined],
])(
  "the group that Linkerd's redirect leaves out is %s",
  ([, annotations, ofNamespace, context, expected]) => {
    const pod = {
      ...plainPod({ initContainers: [container("linkerd-proxy", context)] }),
      metadata: { annotations },
    };

    expect(meshOf(pod, { ...EMPTY, annotations: ofNamespace })?.proxyGid).toBe(expected);
  },
);
