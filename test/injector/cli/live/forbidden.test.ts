import { expect, test } from "vitest";
import { forbiddenIn } from "../../../../injector/cli/live/forbidden.ts";

/** As a real API server says it (1.36). */
const SAID =
  'deployments.apps "podrole-injector" is forbidden: User "system:serviceaccount:shop:tenant" cannot get resource "deployments" in API group "apps" in the namespace "podrole-system"';

test.for([
  [SAID, "get deployments.apps in namespace podrole-system"],
  [
    'namespaces is forbidden: User "jane" cannot list resource "namespaces" in API group "" at the cluster scope',
    "list namespaces",
  ],
  ['forbidden: User "jane" cannot get path "/version"', "get /version"],
  [
    'pods "web" is forbidden: User "jane" cannot get resource "pods" in API group "" in the namespace "shop": RBAC: role.rbac.authorization.k8s.io "x" not found',
    "get pods in namespace shop",
  ],
] as const)("of the sentence %s it is known that the user may not %s", ([said, what]) => {
  expect(forbiddenIn(said)).toEqual({ user: expect.stringMatching(/^jane$|tenant$/) as string, what });
});

test.for(["", 'admission webhook "x" denied the request: no', "said with 403"])(
  "nothing is known of another sentence: %s",
  (said) => {
    expect(forbiddenIn(said)).toBeUndefined();
  },
);
