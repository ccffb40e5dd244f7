import { expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { resolveRole } from "../../../injector/decide/role.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, base, facts, grant, role } from "../../support/facts.ts";
import { pod } from "../../support/pods.ts";

const named = (who: string) => `${ACCOUNT}${who}`;
const onPod = (value: string) => pod({}, { [ANNOTATION.role]: value });
const onAccount = (value: string) => ({ account: { [ANNOTATION.serviceAccountRole]: value } });
const byGrant = { grants: [grant("g", { namespaces: ["shop"], default: named("grant") })] };
const onNamespace = (value: string) => ({ annotations: { [ANNOTATION.namespaceDefaultRole]: value } });
const everywhere = { ...onAccount(named("account")), ...byGrant, ...onNamespace(named("namespace")) };
const cluster = config({ defaultRole: role(named("cluster")), baseRoleArn: base(ACCOUNT) });

test.for([
  ["the pod's annotation", onPod(named("pod")), everywhere, "pod"],
  ["the service account's annotation", pod({}, {}), everywhere, "account"],
  ["the default of a grant", pod({}, {}), { ...byGrant, ...onNamespace(named("namespace")) }, "grant"],
  ["the namespace's default", pod({}, {}), onNamespace(named("namespace")), "namespace"],
  ["the cluster's default", pod({}, {}), {}, "cluster"],
] as const)("%s comes before the sources that follow it", ([, one, around, expected]) => {
  expect(resolveRole(one, facts(around), cluster)).toMatchObject({ kind: "role", arn: named(expected) });
});

test.for([
  ["on the pod", onPod("not a role"), everywhere],
  ["on the pod, being empty", onPod(""), everywhere],
  ["on the service account", pod({}, {}), { ...everywhere, ...onAccount("a\nb") }],
  ["on the namespace", pod({}, {}), onNamespace("arn:aws:iam::1:role/x")],
] as const)("a role that is malformed %s ends the search", ([, one, around]) => {
  expect(resolveRole(one, facts(around), cluster)).toMatchObject({
    kind: "invalid",
    findings: [{ code: "ROLE_MALFORMED" }],
  });
});

test("a name without a base ARN ends the search", () => {
  const settings = config({ defaultRole: role(named("cluster")) });
  expect(resolveRole(onPod("billing"), facts(everywhere), settings)).toMatchObject({
    kind: "invalid",
    findings: [{ code: "ROLE_NEEDS_BASE_ARN" }],
  });
});

test("a pod has no role when nothing names one", () => {
  expect(resolveRole(pod({}, {}), facts(), config())).toEqual({ kind: "none" });
});

test("the decision says what named the role", () => {
  const sources = [onPod("x"), pod({ serviceAccountName: "biller" }, {})].map((one) =>
    resolveRole(one, facts(onAccount("y")), cluster),
  );
  expect(sources).toMatchObject([
    { from: "annotation iam.amazonaws.com/role of the pod" },
    { from: "annotation eks.amazonaws.com/role-arn of service account biller" },
  ]);
});

test("the service account is read from the field's old name", () => {
  const old = pod({ serviceAccount: "biller" }, {});
  const grants = [
    grant("g", { namespaces: ["shop"], serviceAccounts: ["biller"], default: named("biller") }),
  ];
  expect(resolveRole(old, facts({ grants }), config())).toMatchObject({ arn: named("biller") });
});

test("the first of several grants with a default is used, and a warning names the others", () => {
  const grants = ["b", "a"].map((name) => grant(name, { namespaces: ["shop"], default: named(name) }));
  expect(resolveRole(pod({}, {}), facts({ grants }), config())).toMatchObject({
    arn: named("a"),
    findings: [{ code: "GRANT_DEFAULT_AMBIGUOUS", severity: "warn" }],
  });
});

test("annotations with names of JavaScript properties name no role", () => {
  const odd = pod({}, { constructor: named("x"), toString: named("x"), __proto__: named("x") });
  expect(resolveRole(odd, facts({ account: {}, annotations: {} }), config())).toEqual({ kind: "none" });
});

test("a namespace's default that names no role is for a cluster admin to correct", () => {
  const resolved = resolveRole(pod({}, {}), facts(onNamespace("a b")), config());
  expect(resolved).toMatchObject({
    kind: "invalid",
    findings: [
      {
        code: "ROLE_MALFORMED",
        remedy: `Ask a cluster admin to correct it, or name a role in the annotation ${ANNOTATION.role} of the pod.`,
      },
    ],
  });
});
