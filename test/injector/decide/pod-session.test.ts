import { describe, expect, test } from "vitest";
import { podSession, type PodSession } from "../../../injector/decide/pod-session.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, facts, grant } from "../../support/facts.ts";

const POD = { namespace: "shop", serviceAccount: "default", pod: "web-0", podUid: "u-1" };
const ALLOW = grant("shop", { roles: [BILLING], namespaces: ["shop"] });
const status = (over: object = {}): string =>
  JSON.stringify({ version: "1", role: BILLING, rule: "RoleGrant gone", source: "broker", ...over });

interface Wish {
  readonly identity?: string;
  readonly roleArn?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly surroundings?: Parameters<typeof facts>[0];
  readonly settings?: Parameters<typeof config>[0];
  readonly status?: string;
}

const asked = ({ identity = "pod", roleArn = BILLING, ...wish }: Wish = {}): PodSession =>
  podSession({
    asked: { identity, roleArn },
    pod: POD,
    annotations: { [ANNOTATION.status]: wish.status ?? status(), ...wish.annotations },
    facts: facts({ grants: [ALLOW], ...wish.surroundings }),
    config: config(wish.settings),
  });

function planned(wish: Wish = {}) {
  const decided = asked(wish);
  if (decided.kind !== "plan") throw new Error(decided.refusal.message);
  return decided.plan;
}

function refusal(wish: Wish) {
  const decided = asked(wish);
  if (decided.kind === "plan") throw new Error("a session is made");
  return decided.refusal;
}

test("a pod that the webhook made gets its role by the rule of now, under its own name and tags", () => {
  expect(planned()).toEqual({
    pod: POD,
    identity: "pod",
    role: BILLING,
    rule: "RoleGrant shop",
    sessionName: "shop.web-0",
    steps: [
      {
        roleArn: BILLING,
        durationSeconds: 3600,
        tags: {
          "kubernetes-namespace": "shop",
          "kubernetes-service-account": "default",
          "kubernetes-pod-name": "web-0",
          "kubernetes-pod-uid": "u-1",
        },
        transitiveTagKeys: [
          "kubernetes-namespace",
          "kubernetes-service-account",
          "kubernetes-pod-name",
          "kubernetes-pod-uid",
        ],
      },
    ],
    sourceIdentity: "shop.default",
    region: "us-east-1",
    endpoint: "https://sts.us-east-1.amazonaws.com",
    proxy: undefined,
    ca: undefined,
    isShared: false,
  });
});

test("the pod's frozen annotations say what the session is like", () => {
  const { steps, sessionName, region } = planned({
    annotations: {
      [ANNOTATION.sessionName]: "{namespace}.{podUid}",
      [ANNOTATION.sessionDuration]: "15m",
      [ANNOTATION.externalId]: "partner",
      [ANNOTATION.region]: "eu-west-1",
    },
    settings: { hubRole: BILLING },
  });
  expect({ sessionName, region }).toEqual({ sessionName: "shop.u-1", region: "eu-west-1" });
  expect(steps).toMatchObject([
    { roleArn: BILLING, durationSeconds: 900 },
    { roleArn: BILLING, durationSeconds: 900, externalId: "partner" },
  ]);
});

describe("a pod gets no session", () => {
  test.for([
    ["that the webhook did not make", "", "POD_NOT_INJECTED", "has no annotation podrole.dev/status"],
    ["whose status is not podrole's", "[1]", "POD_NOT_INJECTED", "has no annotation podrole.dev/status"],
    ["of another source", status({ source: "node" }), "POD_NOT_INJECTED", "created for source node"],
    ["that has no role", status({ role: undefined }), "ROLE_NOT_OF_POD", "has no identity pod"],
    ["with another role", status({ role: `${ACCOUNT}other` }), "ROLE_NOT_OF_POD", `${ACCOUNT}other`],
    ["with a role that is none", status({ role: `${BILLING}\n` }), "ROLE_NOT_OF_POD", "no identity"],
  ] as const)("%s", ([, written, code, why]) => {
    const found = refusal({ status: written });
    expect(found.code).toBe(code);
    expect(found.message).toContain(why);
    expect(found.remedy).not.toBe("");
  });

  test("for another container's role", () => {
    const both = status({ containers: { job: { role: `${ACCOUNT}job` } } });
    expect(refusal({ status: both, identity: "container/job" }).code).toBe("ROLE_NOT_OF_POD");
    expect(refusal({ status: both, identity: "container/web", roleArn: `${ACCOUNT}job` }).code).toBe(
      "ROLE_NOT_OF_POD",
    );
    const grants = [grant("jobs", { roles: [`${ACCOUNT}job`], namespaces: ["shop"] })];
    expect(
      planned({
        status: both,
        identity: "container/job",
        roleArn: `${ACCOUNT}job`,
        surroundings: { grants },
      }).role,
    ).toBe(`${ACCOUNT}job`);
  });

  test("once its namespace is no longer labelled", () => {
    expect(refusal({ surroundings: { labels: { "podrole.dev/inject": "disabled" } } }).code).toBe(
      "NAMESPACE_NOT_LABELLED",
    );
  });

  test("once its grant is withdrawn, whatever the setting policy says", () => {
    for (const policy of ["off", "audit", "listed"] as const)
      expect(refusal({ surroundings: { grants: [] }, settings: { policy } })).toMatchObject({
        code: "ROLE_NOT_ALLOWED",
        message: expect.stringContaining("shop/default may not use") as string,
      });
  });

  test("once a grant denies it, although another allows it", () => {
    const deny = grant("freeze", { roles: ["*"], namespaces: ["shop"], effect: "Deny" });
    expect(refusal({ surroundings: { grants: [ALLOW, deny] } })).toMatchObject({
      code: "ROLE_DENIED_BY_GRANT",
      message: expect.stringContaining("RoleGrant freeze denies") as string,
    });
  });

  test("under a name that could pass for another namespace's", () => {
    const annotations = { [ANNOTATION.sessionName]: "payments.{pod}" };
    expect(refusal({ annotations }).code).toBe("SESSION_NAME_FORBIDDEN");
  });
});

test("a shared session has the service account's name and no tag of the pod", () => {
  const plan = planned({ settings: { shareSessions: true } });
  expect(plan).toMatchObject({ sessionName: "shop.default", isShared: true });
  expect(Object.keys(plan.steps[0]?.tags ?? {})).toEqual([
    "kubernetes-namespace",
    "kubernetes-service-account",
  ]);
});

test("a session that is named after its pod by an annotation is not shared", () => {
  const annotations = { [ANNOTATION.sessionName]: "{namespace}.{podUid}" };
  const plan = planned({ annotations, settings: { shareSessions: true } });
  expect(plan).toMatchObject({ sessionName: "shop.u-1", isShared: false });
});

test("a session has no source identity where the settings want none", () => {
  expect(planned({ settings: { sourceIdentity: false } }).sourceIdentity).toBeUndefined();
});

test("the namespace may have another source by now: the pod keeps the one that it was created with", () => {
  const annotations = { [ANNOTATION.source]: "web-identity" };
  expect(planned({ surroundings: { annotations }, settings: { source: "web-identity" } }).rule).toBe(
    "RoleGrant shop",
  );
});

test.for<readonly [string, Wish, boolean]>([
  ["nothing allows its role any more", { surroundings: { grants: [] } }, true],
  [
    "its namespace is no longer labelled",
    { surroundings: { labels: { "podrole.dev/inject": "disabled" } } },
    true,
  ],
  [
    "the rule that may have allowed it cannot be read",
    { surroundings: { grants: [], annotations: { [ANNOTATION.namespaceAllowedRoles]: "[" } } },
    false,
  ],
  ["an annotation is not read any more", { annotations: { [ANNOTATION.sessionTags]: "[" } }, false],
  ["its status is another one", { status: "{}" }, false],
  ["it asks for another role", { roleArn: `${ACCOUNT}job` }, false],
])("a refusal since %s is one by a rule, which ends a session: $2", ([, wish, byRule]) => {
  expect(refusal(wish).byRule).toBe(byRule);
});
