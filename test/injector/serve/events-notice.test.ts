import { describe, expect, test } from "vitest";
import { finding } from "../../../injector/model/findings.ts";
import { noticesOf } from "../../../injector/serve/events-notice.ts";
import { decided, denied, guardOff, HOST_PID, OWNED, wouldDeny } from "./events-fixtures.ts";

const regarding = (object: unknown, review = {}) =>
  noticesOf(denied([HOST_PID], { object, ...review }))[0]?.regarding;

describe("what is told of a decision", () => {
  test("a denial, with every reason for it and no warning beside", () => {
    const two = finding("PRIVILEGED", "Container app is privileged.", "Take privileged off.");
    expect(noticesOf(denied([HOST_PID, ...guardOff(), two]))).toMatchObject([
      {
        namespace: "shop",
        reason: "PodDenied",
        note: "[HOST_NAMESPACE] The pod uses hostPID. Take it off. [PRIVILEGED] Container app is privileged. Take privileged off.",
      },
    ]);
  });

  test.for(["ROLE_NOT_ALLOWED", "ROLE_DENIED_BY_GRANT"] as const)("%s is a denial of the role", (code) => {
    expect(noticesOf(denied([HOST_PID, finding(code, "No.", "Ask.")]))).toMatchObject([
      { reason: "RoleDenied" },
    ]);
  });

  test("what audit would deny and a guard that is off are two stories", () => {
    const result = { decision: "inject", operations: [], findings: [...guardOff(), wouldDeny()] } as const;
    expect(noticesOf(decided(result)).map(({ reason, note }) => [reason, note])).toEqual([
      ["RoleWouldBeDenied", "[ROLE_WOULD_BE_DENIED] Enforce would deny. Grant it."],
      ["GuardOff", "[GUARD_OFF] The guard is off. Turn it on."],
    ]);
  });

  test("a pod on the node's network that is let in without a guard", () => {
    const found = finding("HOST_NETWORK_UNGUARDED", "No guard.", "Take hostNetwork off.");
    const result = { decision: "skip", reason: "host-network", operations: [], findings: [found] } as const;
    expect(noticesOf(decided(result))).toMatchObject([{ reason: "GuardOff" }]);
  });

  test.for([
    ["nothing, where a pod was injected as it should be", decided()],
    ["nothing of other warnings", decided({ findings: [finding("SESSION_SHORT", "Short.", "Longer.")] })],
    ["nothing of a dry run", denied([HOST_PID], { dryRun: true })],
    [
      "nothing of a workload that is let through: its pods come by themselves",
      decided({ findings: guardOff() }, { resource: "apps/deployments" }),
    ],
    ["nothing of a pod's later changes", decided({ findings: guardOff() }, { operation: "UPDATE" })],
    ["nothing where there is no namespace", denied([HOST_PID], { namespace: "" })],
    ["nothing where the namespace would change the path", denied([HOST_PID], { namespace: "../pods" })],
  ] as const)("%s", ([, one]) => {
    expect(noticesOf(one)).toEqual([]);
  });
});

describe("the note", () => {
  test("is at most 1024 bytes, and no character is cut", () => {
    const long = finding("PRIVILEGED", "é€😀".repeat(40), "ü".repeat(500));
    const [notice] = noticesOf(denied([HOST_PID, long, long]));
    const bytes = Buffer.byteLength(notice?.note ?? "");
    expect(bytes).toBeLessThanOrEqual(1024);
    expect(bytes).toBeGreaterThan(1015);
    expect(notice?.note).toMatch(/ü…$/);
    expect(notice?.note).not.toContain("\u{FFFD}");
  });

  test("of a hundred thousand findings is made of the first few", () => {
    const [notice] = noticesOf(denied(Array(100_000).fill(HOST_PID)));
    expect(notice?.note.length).toBeLessThanOrEqual(1024);
  });

  test("is one line, whatever a name in it holds", () => {
    const found = finding("RESERVED_NAME", "Container a\n\u001B[31mb.", "Rename it.");
    expect(noticesOf(denied([found]))[0]?.note).toBe("[RESERVED_NAME] Container a [31mb. Rename it.");
  });
});

describe("the object an Event is about", () => {
  test("is the controller of a pod that does not come to be", () => {
    const scrap = { apiVersion: "v1", kind: "Pod", name: "other", uid: "u-2" };
    const [owner] = OWNED.metadata.ownerReferences;
    const object = { metadata: { name: "web-x", ownerReferences: [null, "x", scrap, owner] } };
    expect(regarding(object)).toEqual({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      namespace: "shop",
      name: "web-5d5f",
      uid: "u-1",
    });
  });

  test("is the pod itself, where it is there already and changed", () => {
    const object = { metadata: { ...OWNED.metadata, name: "web-5d5f-x", uid: "u-3" } };
    const review = { operation: "UPDATE", resource: "/pods/ephemeralcontainers" };
    expect(regarding(object, review)).toMatchObject({ kind: "Pod", name: "web-5d5f-x", uid: "u-3" });
  });

  test("is a pod that a person made, by its name", () => {
    expect(regarding({ metadata: { name: "web" } })).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      namespace: "shop",
      name: "web",
    });
  });

  test("is a workload that a person applied", () => {
    const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } };
    expect(regarding(object, { resource: "apps/deployments" })).toMatchObject({
      apiVersion: "apps/v1",
      kind: "Deployment",
      name: "web",
    });
  });

  test.for([
    ["a pod that has no name yet", { metadata: { generateName: "web-" } }],
    ["no object", null],
    ["metadata of null", { metadata: null }],
    ["owners that are no list", { metadata: { ownerReferences: { controller: true } } }],
    ["a name with control characters", { metadata: { name: "web\n\u001B[2J" } }],
    ["a name as long as a request may be", { metadata: { name: "n".repeat(1_000_000) } }],
    [
      "an owner of no kind",
      { metadata: { ownerReferences: [{ apiVersion: "v1", kind: 7, name: "web", controller: true }] } },
    ],
    [
      "an owner whose kind is a sentence",
      {
        metadata: {
          ownerReferences: [{ apiVersion: "v1", kind: "Call 555 now", name: "web", controller: true }],
        },
      },
    ],
  ])("is the namespace for %s", ([, object]) => {
    expect(regarding(object)).toEqual({
      apiVersion: "v1",
      kind: "Namespace",
      namespace: "shop",
      name: "shop",
    });
  });
});
