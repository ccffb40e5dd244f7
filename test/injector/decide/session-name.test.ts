import { describe, expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { decideSessionName } from "../../../injector/decide/session-name.ts";
import { sessionName as sessionNameOf } from "../../../sidecar/kit/session-name.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts, grant, role } from "../../support/facts.ts";
import { admitted, codes, denials, pod } from "../../support/pods.ts";

const REPORTS = role(`${ACCOUNT}reports`);
const named = (template: string, key: string = ANNOTATION.sessionName, more: object = {}) =>
  pod({}, { [ANNOTATION.role]: BILLING, [key]: template, ...more });
const shop = { namespaces: ["shop"], roles: [BILLING] };

/** Templates by which a pod of one namespace can have a name that another namespace's pods have. */
const FORGED = [
  "payments.api-7c9d",
  "payments",
  "payments.{namespace}",
  "payments.{namespace}.{pod}",
  "pay{namespace}",
  "-{namespace}",
  ".{namespace}",
  "{pod}.{namespace}",
  "{pod}",
  "{podUid}",
  "{serviceAccount}",
  "{serviceAccount}.{pod}",
  "{serviceAccount}@{namespace}",
  "{namespace}-x",
  "{namespace}-{pod}",
  "{namespace}ments.api-7c9d",
  "{namespace}0",
  "{namespace}S.x",
  "{namespace}{pod}",
  "{namespace}{namespace}",
  "{namespace}{podUid}",
] as const;

/** Templates that begin with the pod's namespace. */
const OWN = [
  "{namespace}",
  "{namespace}.{pod}",
  "{namespace}@{serviceAccount}",
  "{namespace}_{podUid}",
  "{namespace}+a",
  "{namespace}=a",
  "{namespace},a",
  "{namespace}.payments.api-7c9d",
] as const;

describe("a session name of an annotation", () => {
  test.for(FORGED)("that could pass for another namespace's is denied: %s", (template) => {
    expect(denials(named(template))).toEqual(["SESSION_NAME_FORBIDDEN"]);
    expect(denials(named(template, ANNOTATION.peerSessionName))).toEqual(["SESSION_NAME_FORBIDDEN"]);
    const policies = (["off", "audit", "listed"] as const).map((policy) => config({ policy }));
    for (const one of policies) {
      expect(denials(named(template), facts(), one)).toEqual(["SESSION_NAME_FORBIDDEN"]);
    }
  });

  test.for(OWN)("that begins with the pod's namespace is admitted: %s", (template) => {
    expect(codes(named(template))).toEqual([]);
    expect(codes(named(template, ANNOTATION.peerSessionName))).toEqual([]);
  });

  test("is judged as it is once it has been cleaned as kiam did", () => {
    for (const raw of [
      "pay ments.x",
      "{namespace} .x",
      "{namespace}/x",
      "{name space}.x",
      "{ namespace}.x",
    ]) {
      expect(denials(named(raw, ANNOTATION.peerSessionName))).toEqual(["SESSION_NAME_FORBIDDEN"]);
    }
    expect(codes(named("{namespace}.a b", ANNOTATION.peerSessionName))).toEqual([]);
  });

  test("is judged under another key that the cluster reads", () => {
    const keys = { ...ANNOTATION, peerSessionName: "example.com/session" };
    expect(denials(named("payments.x", "example.com/session"), facts(), config({ keys }))).toEqual([
      "SESSION_NAME_FORBIDDEN",
    ]);
  });

  test("may be the same as the setting's, whatever that is", () => {
    expect(codes(named("{pod}"), facts(), config({ sessionName: "{pod}" }))).toEqual([]);
  });

  test("may be any if the setting sessionNames says so", () => {
    for (const template of FORGED) {
      expect(codes(named(template), facts(), config({ sessionNames: "any" }))).toEqual([]);
    }
  });

  test("names both ways out, and not the annotation's value", () => {
    const [found] = admitted(named("payments.api-7c9d")).findings;
    expect(found?.remedy).toContain("{namespace}.{pod}");
    expect(found?.remedy).toContain("sessionNames of a RoleGrant");
    expect(JSON.stringify(found)).not.toContain("api-7c9d");
  });
});

describe("a RoleGrant", () => {
  const by = (template: string, ...specs: readonly object[]) =>
    denials(named(template), facts({ grants: specs.map((spec, at) => grant(`g${at}`, spec)) }));

  test.for([
    ["its template", { ...shop, sessionNames: ["payments.api-7c9d"] }],
    ["a pattern", { ...shop, sessionNames: ["other", "payments.*"] }],
    ["every one", { ...shop, sessionNames: ["*"] }],
    ["it for its default role", { namespaces: ["*"], default: BILLING, sessionNames: ["payments.*"] }],
  ] as const)("allows a session name by %s", ([, spec]) => {
    expect(by("payments.api-7c9d", spec)).toEqual(["inject"]);
  });

  test.for([
    ["names others", { ...shop, sessionNames: ["payments", "payments.api"] }],
    ["names none", shop],
    ["names an empty list", { ...shop, sessionNames: [] }],
    ["is about another role", { ...shop, roles: [REPORTS], sessionNames: ["*"] }],
    ["is about another namespace", { ...shop, namespaces: ["payments"], sessionNames: ["*"] }],
    ["is about another service account", { ...shop, serviceAccounts: ["api"], sessionNames: ["*"] }],
  ] as const)("allows no session name that it does not cover: it %s", ([, spec]) => {
    expect(by("payments.api-7c9d", { ...shop, roles: ["*"] }, spec)).toEqual(["SESSION_NAME_FORBIDDEN"]);
  });

  test("compares its patterns with the template, not with what it becomes", () => {
    expect(by("{serviceAccount}.x", { ...shop, sessionNames: ["default.x"] })).toEqual([
      "SESSION_NAME_FORBIDDEN",
    ]);
    expect(by("{serviceAccount}.x", { ...shop, sessionNames: ["{serviceAccount}.*"] })).toEqual(["inject"]);
  });

  test("has to allow the name for every role of the pod", () => {
    const both = named("payments.x", ANNOTATION.sessionName, { [`${CONTAINER_ROLE_PREFIX}app`]: REPORTS });
    const one = grant("a", { ...shop, sessionNames: ["payments.x"] });
    const other = grant("b", { ...shop, roles: [REPORTS], sessionNames: ["payments.*"] });
    const without = grant("b", { ...shop, roles: [REPORTS] });
    expect(denials(both, facts({ grants: [one, without] }))).toEqual(["SESSION_NAME_FORBIDDEN"]);
    expect(denials(both, facts({ grants: [one, other] }))).toEqual(["inject"]);
  });

  test("is named as what allows the name", () => {
    const known = facts({ grants: [grant("batch", { ...shop, sessionNames: ["nightly"] })] });
    const input = { key: ANNOTATION.sessionName, roles: [BILLING], facts: known, serviceAccount: "default" };
    const { by: said } = decideSessionName({ ...input, template: "nightly", config: config() });
    expect(said).toBe("annotation podrole.dev/session-name, as RoleGrant batch allows");
  });
});

test("no admitted name of one namespace is an admitted name of another, however long names are", () => {
  const namespaces = [
    "pay",
    "pay-ments",
    "payments",
    "a",
    "a".repeat(50),
    "a".repeat(51),
    "a".repeat(62),
    "a".repeat(63),
  ];
  const pods = ["x", "payments.x", "a".repeat(60), "a".repeat(253)];
  const seen = new Map<string, string>();
  for (const namespace of namespaces)
    for (const template of OWN)
      for (const one of pods) {
        const identity = { namespace, serviceAccount: "payments.x", pod: one, podUid: `${namespace}/${one}` };
        const name = sessionNameOf(template, identity);
        expect(seen.get(name) ?? namespace).toBe(namespace);
        seen.set(name, namespace);
        // A policy may match on `NAMESPACE.*`: no other namespace's name may begin so.
        const others = namespaces.filter((other) => other !== namespace);
        expect(
          others.filter(
            (other) =>
              name === other || (/^[_+=,.@]/.test(name.slice(other.length)) && name.startsWith(other)),
          ),
        ).toEqual([]);
      }
});
