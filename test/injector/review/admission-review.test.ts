import { describe, expect, test } from "vitest";
import { allow, deny, parseReview } from "../../../injector/review/admission-review.ts";
import { finding, sentence } from "../../../injector/model/findings.ts";
import { json } from "../../support/facts.ts";
import { thrown } from "../../support/thrown.ts";
import { reviewText } from "../../support/webhook.ts";

const parsed = (over: Readonly<Record<string, unknown>>) => parseReview(json(reviewText("{}", over)));
const denial = finding("HOST_NAMESPACE", "The pod sets hostPID.", "Take it off.");
const warning = finding("GUARD_OFF", "The guard is off.", "Turn it on.");

describe("a review", () => {
  test("is read with the namespace, the user and the resource of its request", () => {
    expect(parsed({ dryRun: true, subResource: "ephemeralcontainers" })).toEqual({
      uid: "review-1",
      operation: "CREATE",
      resource: "/pods/ephemeralcontainers",
      namespace: "shop",
      username: "alice",
      dryRun: true,
      object: {},
    });
    expect(parsed({ resource: { group: "apps", resource: "deployments" } }).resource).toBe(
      "apps/deployments",
    );
  });

  test("with fields of wrong types is read as if it lacked them", () => {
    const odd = {
      namespace: 7,
      userInfo: [],
      operation: null,
      dryRun: "true",
      resource: "pods",
      subResource: {},
    };
    expect(parsed(odd)).toMatchObject({
      namespace: "",
      username: "",
      operation: "",
      dryRun: false,
      resource: "/",
    });
  });

  test("with its uid under __proto__ is refused", async () => {
    const hidden = json(
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"__proto__":{"uid":"x"}}}',
    );
    expect(await thrown(() => parseReview(hidden))).toMatchObject({ code: "REVIEW_INVALID" });
  });
});

describe("an answer", () => {
  test("that allows the object without findings has only uid and allowed", () => {
    expect(allow("u", [], [])).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u", allowed: true },
    });
  });

  test("carries its patch in base64, as UTF-8", () => {
    const operations = [{ op: "add" as const, path: "/x", value: "ü\ud800" }];
    const { response } = allow("u", operations, []);
    expect(response.patchType).toBe("JSONPatch");
    expect(JSON.parse(Buffer.from(response.patch ?? "", "base64").toString("utf8"))).toEqual(operations);
  });

  test("gives warnings together with the reasons of a denial", () => {
    const { response } = deny("u", [warning, denial], { decision: "deny" });
    expect(response).toEqual({
      uid: "u",
      allowed: false,
      status: {
        code: 403,
        reason: "Forbidden",
        message: "[HOST_NAMESPACE] The pod sets hostPID. Take it off.",
      },
      warnings: ["[GUARD_OFF] The guard is off. Turn it on."],
      auditAnnotations: { decision: "deny" },
    });
  });

  const long = (length: number) => finding("GUARD_OFF", "x".repeat(length), "Turn it on.");

  test("holds every warning whole while API servers write all of them", () => {
    const eight = Array.from({ length: 8 }, () => long(400));
    expect(allow("u", [], eight).response.warnings).toEqual(eight.map(sentence));
  });

  test("cuts a long message and never what to do", () => {
    const { warnings = [] } = allow("u", [], [long(1100), long(1100), long(1100), long(1100)]).response;
    expect(warnings).toHaveLength(4);
    expect(warnings.at(-1)).toMatch(/x… Turn it on\.$/);
    expect(warnings.slice(0, 3)).toEqual(Array(3).fill(sentence(long(1100))));
  });

  test("warns first of what denies the pods of a workload", () => {
    const ofPods = { ...denial, severity: "warn" } as const;
    expect(allow("u", [], [warning, ofPods]).response.warnings).toEqual([ofPods, warning].map(sentence));
  });

  test("is limited to the first findings of very many, and to the beginning of a very long one", () => {
    const many = Array.from({ length: 1000 }, () => [denial, long(10_000)]).flat();
    const { response } = deny("u", many);
    expect(response.status?.message).toMatch(/And 980 more\.$/);
    expect(response.warnings?.at(-1)).toMatch(/^And 99\d more\.$/);
    expect(response.warnings?.join("").length, "API servers cut each at 256").toBeLessThan(3700);
    expect(response.warnings?.slice(0, -1).every((line) => line.endsWith("Turn it on."))).toBe(true);
    expect(JSON.stringify(response).length).toBeLessThan(10_000);
  });
});

test.for(["\n", "\r\n", "\u2028", "\u2029", "\u0085", "\u001b[2J", "\0"])(
  "a sentence stays on one line and moves no cursor when a name contains %j",
  (nasty) => {
    const line = sentence(finding("RESERVED_NAME", `Container a${nasty}b is x.`, "Rename it."));
    expect(line).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u);
    expect(line).toMatch(/^\[RESERVED_NAME\] Container a .*b is x\. Rename it\.$/);
  },
);
