import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGrant } from "../../injector/model/grant.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { grantObject, GRANTS, installCrd } from "./setting.ts";

const reason = whyNot();
const role = (pathAndName: string): string => `arn:aws:iam::111122223333:role/${pathAndName}`;
const anywhere = { namespaces: ["*"] };

const ACCEPTED: Readonly<Record<string, object>> = {
  "names and globs": { roles: [role("a"), `${role("team-b/")}*`], namespaces: ["shop", "till-*"] },
  "names of roles": { roles: ["billing-reader", "team-b/*", "/ops"], ...anywhere },
  "a Deny of a name": { effect: "Deny", roles: ["admin"], ...anywhere },
  "no roles": { namespaces: ["shop"] },
  Deny: { effect: "Deny", roles: ["*"], ...anywhere },
  "service accounts": { ...anywhere, serviceAccounts: ["billing", "reader-*"] },
  "no service accounts at all": { ...anywhere, serviceAccounts: [] },
  "session names": { ...anywhere, roles: [role("a")], sessionNames: ["nightly-{pod}", "batch.*"] },
  "a selector of labels": { namespaceSelector: { matchLabels: { team: "a", "acme.example/x": "" } } },
  "a selector of expressions": {
    namespaceSelector: {
      matchExpressions: [
        { key: "team", operator: "In", values: ["a", "b"] },
        { key: "tier", operator: "NotIn", values: ["x"] },
        { key: "a", operator: "Exists" },
        { key: "b", operator: "DoesNotExist" },
      ],
    },
  },
  "a default role": { ...anywhere, default: role("billing") },
  "a default role of another partition, with a path": {
    ...anywhere,
    default: "arn:aws-us-gov:iam::111122223333:role/a/b/c_+=,.@-d",
  },
  "a default role with the longest path": { ...anywhere, default: role(`${"p/".repeat(16)}n`) },
};

const REFUSED: Readonly<Record<string, readonly [spec: object | null, message: string]>> = {
  "no spec": [null, "spec"],
  "neither namespaces nor selector": [{ roles: ["*"] }, "exactly one of namespaces and namespaceSelector"],
  "both namespaces and selector": [
    { ...anywhere, namespaceSelector: { matchLabels: { a: "b" } } },
    "exactly one of namespaces and namespaceSelector",
  ],
  "no namespace in the list": [{ namespaces: [] }, "spec.namespaces"],
  "another effect": [{ ...anywhere, effect: "deny" }, "spec.effect"],
  "roles that are no list": [{ ...anywhere, roles: "*" }, "spec.roles"],
  "roles that are no strings": [{ ...anywhere, roles: [1] }, "spec.roles"],
  "service accounts that are no strings": [{ ...anywhere, serviceAccounts: [{}] }, "spec.serviceAccounts"],
  "an empty selector": [{ namespaceSelector: {} }, "selects nothing in particular"],
  "a selector with a field that nobody knows": [
    { namespaceSelector: { matchLabel: { a: "b" } } },
    "selects nothing in particular",
  ],
  "labels that are no strings": [{ namespaceSelector: { matchLabels: { a: 1 } } }, "matchLabels"],
  "an operator that nobody knows": [
    { namespaceSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } },
    "operator",
  ],
  "an expression without a key": [
    { namespaceSelector: { matchExpressions: [{ operator: "Exists" }] } },
    "key",
  ],
  "In without values": [
    { namespaceSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    "In and NotIn need values",
  ],
  "a default that is a name": [{ ...anywhere, default: "billing" }, "spec.default"],
  "a default that is a glob": [{ ...anywhere, default: role("*") }, "spec.default"],
  "a default with a line break": [{ ...anywhere, default: `${role("a")}\n` }, "spec.default"],
  "a default with a letter that looks like another": [
    { ...anywhere, default: role("bіlling") },
    "spec.default",
  ],
  "a default with a path that is too deep": [
    { ...anywhere, default: role(`${"p/".repeat(17)}n`) },
    "IAM allows",
  ],
  "a default with a part that is too long": [
    { ...anywhere, default: role(`${"p".repeat(129)}/n`) },
    "IAM allows",
  ],
  "a default with a name that is too long": [{ ...anywhere, default: role("n".repeat(65)) }, "spec.default"],
  "session names that are no strings": [{ ...anywhere, sessionNames: [{}] }, "spec.sessionNames"],
  "session names on a Deny": [{ ...anywhere, effect: "Deny", sessionNames: ["*"] }, "no session names"],
  "a default on a Deny": [{ ...anywhere, effect: "Deny", default: role("a") }, "no default role"],
};

describe.skipIf(reason !== undefined)(`the CRD of grants${reason ? `: ${reason}` : ""}`, () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await openControlPlane();
    await installCrd(plane);
  });
  afterAll(() => plane.stop());

  const applied = (spec: object | null) =>
    plane.admin.request("POST", `${GRANTS}?dryRun=All`, {
      ...grantObject("tried", {}),
      ...(spec === null ? { spec: undefined } : { spec }),
    });

  test.for(Object.entries(ACCEPTED))("accepts %s, and podrole can read it", async ([, spec]) => {
    const { status, body } = await applied(spec);
    expect(body).toMatchObject({ kind: "RoleGrant" });
    expect(status).toBe(201);
    expect(parseGrant(body)).toEqual(parseGrant({ metadata: { name: "tried" }, spec }));
  });

  test.for(Object.entries(REFUSED))("refuses %s and says what is wrong", async ([, [spec, message]]) => {
    const { status, body } = await applied(spec);
    expect({ status, message: body.message }).toEqual({
      status: 422,
      message: expect.stringContaining(message) as string,
    });
  });

  test("sets effect to Allow when a grant has none", async () => {
    expect((await applied(anywhere)).body.spec.effect).toBe("Allow");
  });

  test("keeps the status separate from the spec, and kubectl prints both", async () => {
    const { admin } = plane;
    await admin.create(GRANTS, grantObject("printed", { ...anywhere, roles: ["*"] }));
    const condition = {
      type: "Valid",
      status: "True",
      reason: "Read",
      lastTransitionTime: "2026-11-21T12:00:00Z",
    };
    const status = { conditions: [condition], podsUsing: 7 };
    expect((await admin.patch(`${GRANTS}/printed`, { status })).status).toBeUndefined();
    const patched = await admin.patch(`${GRANTS}/printed/status`, { status, spec: { effect: "Deny" } });
    expect(patched).toMatchObject({ status, spec: { effect: "Allow" }, metadata: { generation: 1 } });
    const table = await admin.table(GRANTS);
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
      "Name",
      "Effect",
      "Roles",
      "Namespaces",
      "Default",
      "Valid",
      "Pods",
      "Age",
    ]);
    expect(table.rows[0].cells.slice(0, 7)).toEqual(["printed", "Allow", '["*"]', '["*"]', null, "True", 7]);
  });
});
