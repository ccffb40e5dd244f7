import { expect, test } from "vitest";
import { tokenClaims } from "../../../injector/broker/token-claims.ts";
import { CALLER, podToken, tokenOf } from "../../support/pod-token.ts";
import { thrown } from "../../support/thrown.ts";

const NOW = Date.UTC(2026, 10, 29, 12);
const EXP = NOW / 1000 + 60;

test("a pod's token names the pod, and when it expires", () => {
  expect(tokenClaims(podToken({ exp: EXP }), NOW)).toEqual({ ...CALLER, expiresAt: NOW + 60_000 });
});

test("an audience may stand alone, or among others", () => {
  for (const aud of ["podrole-broker", ["x", "podrole-broker"]])
    expect(tokenClaims(podToken({ exp: EXP, aud }), NOW).pod).toBe("web-0");
});

test.for([
  ["none", undefined, "TOKEN_MISSING"],
  ["an empty one", "", "TOKEN_MISSING"],
  ["one of two parts", "a.b", "TOKEN_NOT_ACCEPTED"],
  ["one of three parts that are no JSON", "a.b.c", "TOKEN_NOT_ACCEPTED"],
  ["one with a line break", `${podToken({ exp: EXP })}\n`, "TOKEN_NOT_ACCEPTED"],
  ["one whose claims are a list", tokenOf([]), "TOKEN_NOT_ACCEPTED"],
  ["one whose claims are null", tokenOf(null), "TOKEN_NOT_ACCEPTED"],
  ["one of 9 KiB", podToken({ exp: EXP, jti: "x".repeat(9 * 1024) }), "TOKEN_NOT_ACCEPTED"],
  ["one for another audience", podToken({ exp: EXP, aud: ["sts.amazonaws.com"] }), "TOKEN_NOT_ACCEPTED"],
  [
    "one whose audience only begins so",
    podToken({ exp: EXP, aud: "podrole-broker-2" }),
    "TOKEN_NOT_ACCEPTED",
  ],
  ["one without an audience", podToken({ exp: EXP, aud: null }), "TOKEN_NOT_ACCEPTED"],
  ["one that does not expire", podToken({ exp: null }), "TOKEN_NOT_ACCEPTED"],
  ["one that expires at a text", podToken({ exp: "never" }), "TOKEN_NOT_ACCEPTED"],
  ["one that expires at this moment", podToken({ exp: NOW / 1000 }), "TOKEN_NOT_ACCEPTED"],
  ["one that is bound to nothing", podToken({ exp: EXP, pod: false }), "TOKEN_NOT_BOUND"],
  ["one that is bound to half a pod", podToken({ exp: EXP, pod: { name: "x" } }), "TOKEN_NOT_BOUND"],
] as const)("refuses %s, and repeats nothing of it", async ([, token, code]) => {
  const error = await thrown(() => tokenClaims(token, NOW));
  expect(error).toMatchObject({ code, remedy: expect.any(String) });
  expect(error.message.length).toBeLessThan(150);
});

test("an expired token is the only one that another try may help", async () => {
  const kindOf = async (token: string) => thrown(() => tokenClaims(token, NOW));
  expect(await kindOf(podToken({ exp: NOW / 1000 - 1 }))).toMatchObject({ kind: "passing" });
  expect(await kindOf(podToken({ exp: EXP, aud: "x" }))).toMatchObject({ kind: "definite" });
});
