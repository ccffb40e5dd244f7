import { describe, expect, test } from "vitest";
import { answerOf, reviewOf } from "../../../../../injector/cli/demo/admission/webhook.ts";
import { allow, deny, parseReview } from "../../../../../injector/review/admission-review.ts";
import { finding } from "../../../../../injector/model/findings.ts";
import { thrown } from "../../../../support/thrown.ts";

const pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: {} };
const submitted = { pod, namespace: "shop", username: "somebody" };

describe("a review", () => {
  test("is one that the injector can read", () => {
    expect(parseReview(reviewOf(submitted, "u-1"))).toEqual({
      uid: "u-1",
      operation: "CREATE",
      resource: "/pods",
      namespace: "shop",
      username: "somebody",
      dryRun: false,
      object: pod,
      oldObject: null,
    });
  });
});

describe("an answer", () => {
  test("that allows gives the pod with its patch applied, and leaves the pod that was sent alone", () => {
    const patch = [{ op: "add", path: "/metadata/name", value: "p" }] as const;
    const answer = answerOf(allow("u", patch, [finding("GUARD_OFF", "It is off.", "Turn it on.")]), pod);
    expect(answer).toEqual({
      kind: "admitted",
      pod: { ...pod, metadata: { name: "p" } },
      patch,
      warnings: ["[GUARD_OFF] It is off. Turn it on."],
    });
    expect(pod.metadata).toEqual({});
  });

  test("that allows without a patch gives the pod as it was", () => {
    expect(answerOf(allow("u", [], []), pod)).toEqual({ kind: "admitted", pod, patch: [], warnings: [] });
  });

  test("that denies gives the reason", () => {
    expect(answerOf(deny("u", [finding("NO_CONTAINERS", "None.", "Add one.")]), pod)).toEqual({
      kind: "denied",
      message: "[NO_CONTAINERS] None. Add one.",
      warnings: [],
    });
  });

  test("that is none is an error with a code", async () => {
    expect(await thrown(() => answerOf({ code: "NOT_FOUND" }, pod))).toMatchObject({
      code: "DEMO_ANSWER_INVALID",
    });
  });
});
