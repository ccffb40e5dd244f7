import { describe, expect, test } from "vitest";
import { asGranted, created, withdrawn } from "../../../../../injector/cli/demo/broker/cluster-changes.ts";

const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: "shop",
    labels: { "podrole.dev/inject": "enabled" },
    annotations: { "iam.amazonaws.com/allowed-roles": '["shop-*"]', other: "kept" },
  },
};
const grant = { apiVersion: "podrole.dev/v1alpha1", kind: "RoleGrant", metadata: { name: "readers" } };
const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "orders" } };
const examples = [namespace, grant, account].map((object) => ({ file: "a.yaml", object }));

const NAMESPACES = "/api/v1/namespaces";
const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";

describe("what the demo's API server is told", () => {
  test("is the examples' namespaces and grants, which the broker decides by", () => {
    expect(asGranted(examples)).toEqual([
      { put: { path: NAMESPACES, object: namespace } },
      { put: { path: GRANTS, object: grant } },
    ]);
  });

  test("is that no rule allows a role any more, when these are withdrawn", () => {
    const annotations = { "iam.amazonaws.com/allowed-roles": "[]", other: "kept" };
    expect(withdrawn(examples)).toEqual([
      {
        put: {
          path: NAMESPACES,
          object: { ...namespace, metadata: { ...namespace.metadata, annotations } },
        },
      },
      { remove: { path: GRANTS, name: "readers" } },
    ]);
  });

  test("is a pod at the path of its namespace", () => {
    const pod = { metadata: { name: "p", namespace: "shop" }, spec: { containers: [] } };
    expect(created(pod)).toEqual({ put: { path: `${NAMESPACES}/shop/pods`, object: pod } });
  });
});
