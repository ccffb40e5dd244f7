import { expect, test } from "vitest";
import { intendMesh, type MeshIntent } from "../../../injector/decide/mesh.ts";
import type { Container } from "../../../injector/model/pod.ts";
import { facts } from "../../support/facts.ts";
import { app, plainPod } from "../../support/pods.ts";

type Way = Pick<MeshIntent, "gid" | "annotation">;

const GID = "config.linkerd.io/proxy-gid";
const container = (name: string, runAsGroup?: number): Container => ({
  name,
  ...(runAsGroup === undefined ? {} : { securityContext: { runAsGroup } }),
});

test.for<[string, readonly Container[], Way]>([
  ["Istio's usual group", [container("istio-proxy")], { gid: 1337, annotation: undefined }],
  ["the group of Istio's proxy", [container("istio-proxy", 2000)], { gid: 2000, annotation: undefined }],
  [
    "a group that Linkerd's plugin is told of",
    [container("linkerd-proxy")],
    { gid: 2102, annotation: { [GID]: "2102" } },
  ],
  [
    "the group of Linkerd's proxy",
    [container("linkerd-proxy", 3000)],
    { gid: 3000, annotation: { [GID]: "3000" } },
  ],
  [
    "no other group, if Linkerd's init container was told of none",
    [container("linkerd-init")],
    { gid: undefined, annotation: undefined },
  ],
  [
    "the group of Linkerd's proxy, if there is an init container too",
    [container("linkerd-init"), container("linkerd-proxy", 3000)],
    { gid: 3000, annotation: { [GID]: "3000" } },
  ],
])("the sidecar joins %s", ([, initContainers, expected]) => {
  expect(intendMesh(plainPod({ initContainers }), facts())).toMatchObject(expected);
});

test("the sidecar of a pod in no mesh needs no way past one", () => {
  expect(intendMesh(plainPod({ containers: [app] }), facts())).toBeUndefined();
});
