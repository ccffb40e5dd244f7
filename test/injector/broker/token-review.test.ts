import { describe, expect, test } from "vitest";
import { apiTurns } from "../../../injector/broker/api-turns.ts";
import { tokenReviewer, type ReviewOutcome } from "../../../injector/broker/token-review.ts";
import { Refusal, type ApiServer } from "../../../injector/cluster/api-server.ts";
import { handClock } from "../../support/hand-clock.ts";
import { accepted, CALLER, podToken, type TokenWish } from "../../support/pod-token.ts";
import { thrown } from "../../support/thrown.ts";

const START = Date.UTC(2026, 10, 29, 12);
const HOME = "10.0.0.1";

/** A reviewer whose API server gives these answers; an Error is thrown. */
function rig(answer: () => unknown = () => accepted()) {
  const clock = handClock(START);
  const asked: { path: string; object: object }[] = [];
  const outcomes: ReviewOutcome[] = [];
  const create: ApiServer["create"] = async (path, object) => {
    asked.push({ path, object });
    const given = await answer();
    if (given instanceof Error) throw given;
    return given;
  };
  const review = tokenReviewer({
    api: { create },
    turns: apiTurns(clock),
    clock,
    signal: new AbortController().signal,
    onReview: (outcome) => outcomes.push(outcome),
  });
  const token = (wish: TokenWish = {}): string => podToken({ exp: START / 1000 + 3600, ...wish });
  return { clock, asked, outcomes, review, token };
}

test("asks the API server for the broker's audience whose token it is", async () => {
  const { review, asked, token, outcomes } = rig();
  expect(await review(token(), HOME)).toEqual({ ...CALLER, expiresAt: START + 3_600_000 });
  expect(asked).toEqual([
    {
      path: "/apis/authentication.k8s.io/v1/tokenreviews",
      object: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token: token(), audiences: ["podrole-broker"] },
      },
    },
  ]);
  expect(outcomes).toEqual(["accepted"]);
});

const user = accepted().status.user;
const EXTRA = user.extra;

describe("refuses a token", () => {
  test("that is none, without asking", async () => {
    const { review, asked } = rig();
    expect((await thrown(() => review("a.b.c", HOME))).code).toBe("TOKEN_NOT_ACCEPTED");
    expect((await thrown(() => review(undefined, HOME))).code).toBe("TOKEN_MISSING");
    expect(asked).toEqual([]);
  });

  test.for([
    ["that the API server does not accept", { authenticated: false, error: "expired" }, "TOKEN_NOT_ACCEPTED"],
    ["about which it says nothing", { authenticated: undefined }, "TOKEN_NOT_ACCEPTED"],
    [
      "that it accepts for no audience, as one does that knows none",
      { audiences: undefined },
      "TOKEN_NOT_ACCEPTED",
    ],
    ["that it accepts for another audience", { audiences: ["x"] }, "TOKEN_NOT_ACCEPTED"],
    ["of a person", { user: { ...user, username: "jane" } }, "TOKEN_NOT_ACCEPTED"],
    [
      "of another service account than it says",
      { user: { ...user, username: "system:serviceaccount:shop:x" } },
      "TOKEN_NOT_ACCEPTED",
    ],
    [
      "of another namespace than it says",
      { user: { ...user, username: "system:serviceaccount:till:default" } },
      "TOKEN_NOT_ACCEPTED",
    ],
    ["that is bound to no pod", { user: { ...user, extra: {} } }, "TOKEN_NOT_BOUND"],
    ["without extra fields", { user: { username: user.username } }, "TOKEN_NOT_BOUND"],
    [
      "of two pods",
      { user: { ...user, extra: { ...EXTRA, "authentication.kubernetes.io/pod-name": ["web-0", "web-1"] } } },
      "TOKEN_NOT_BOUND",
    ],
    [
      "of another pod than it says",
      { user: { ...user, extra: { ...EXTRA, "authentication.kubernetes.io/pod-uid": ["other"] } } },
      "TOKEN_NOT_ACCEPTED",
    ],
  ] as const)("%s", async ([, over, code]) => {
    const { review, token, outcomes } = rig(() => accepted(over));
    expect((await thrown(() => review(token(), HOME))).code).toBe(code);
    expect(outcomes).toEqual(["refused"]);
  });

  test.for([
    ["a pod", { pod: { name: "../x", uid: CALLER.podUid } }, { pod: "../x" }],
    ["a namespace", { namespace: "../x" }, { namespace: "../x" }],
    ["a uid", { pod: { name: CALLER.pod, uid: "a/b" } }, { podUid: "a/b" }],
  ] as const)("whose API server names %s that cannot be a name", async ([, wish, over]) => {
    const { review, token } = rig(() => accepted({}, { ...CALLER, ...over }));
    expect((await thrown(() => review(token(wish), HOME))).code).toBe("TOKEN_NOT_ACCEPTED");
  });
});

test.for([
  ["is away", new Error("connect ECONNREFUSED"), /ECONNREFUSED/],
  ["forbids it", new Refusal(403, "no"), /HTTP 403/],
  ["answers with something else than JSON", new SyntaxError(`Unexpected "secret"`), /the answer is not JSON/],
] as const)(
  "an API server that %s leaves it open, and the next request asks again",
  async ([, error, says]) => {
    const { review, asked, token, outcomes } = rig(() => error);
    for (let turn = 0; turn < 2; turn += 1) {
      const refusal = await thrown(() => review(token(), HOME));
      expect(refusal).toMatchObject({ code: "FACTS_UNAVAILABLE", kind: "passing" });
      expect(refusal.message).toMatch(says);
      expect(refusal.message).not.toContain("secret");
    }
    expect(asked).toHaveLength(2);
    expect(outcomes).toEqual(["failed", "failed"]);
  },
);

describe("an answer is remembered", () => {
  test("for a minute", async () => {
    const { review, asked, token, clock } = rig();
    await review(token(), HOME);
    await clock.advance(59_999);
    await review(token(), "10.0.0.2");
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await review(token(), HOME);
    expect(asked).toHaveLength(2);
  });

  test("never past the end of the token", async () => {
    const { review, token, clock } = rig();
    const short = token({ exp: START / 1000 + 10 });
    await review(short, HOME);
    await clock.advance(10_000);
    expect(await thrown(() => review(short, HOME))).toMatchObject({
      code: "TOKEN_NOT_ACCEPTED",
      kind: "passing",
    });
  });

  test("for two seconds if it is a refusal", async () => {
    const { review, asked, token, clock } = rig(() => accepted({ authenticated: false }));
    for (let turn = 0; turn < 3; turn += 1) await thrown(() => review(token(), HOME));
    expect(asked).toHaveLength(1);
    await clock.advance(2000);
    await thrown(() => review(token(), HOME));
    expect(asked).toHaveLength(2);
  });

  test("of each token for itself", async () => {
    const { review, asked, token } = rig();
    await review(token({ jti: "1" }), HOME);
    await review(token({ jti: "2" }), HOME);
    expect(asked).toHaveLength(2);
  });
});

test("the API server is asked once for any number of requests with one token", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { review, asked, token } = rig(() => promise);
  const all = Array.from({ length: 100 }, () => review(token(), HOME));
  resolve(accepted());
  expect(new Set(await Promise.all(all)).size).toBe(1);
  expect(asked).toHaveLength(1);
});

describe("a flood of forged tokens", () => {
  const forged = () => rig(() => accepted({ authenticated: false }));
  const flood = async ({ review, token }: ReturnType<typeof rig>, count: number, from: string) => {
    const all = Array.from({ length: count }, (_, n) =>
      thrown(() => review(token({ jti: `${from}-${n}` }), from)),
    );
    return (await Promise.all(all)).filter(({ code }) => code === "BROKER_BUSY").length;
  };

  test("of one address is asked about 250 times, and then 20 times a second", async () => {
    const one = forged();
    expect(await flood(one, 400, "10.0.0.6")).toBe(150);
    await one.clock.advance(1000);
    const later = await Promise.all(
      Array.from({ length: 50 }, (_, n) => thrown(() => one.review(one.token({ jti: `b${n}` }), "10.0.0.6"))),
    );
    expect(later.filter(({ code }) => code === "BROKER_BUSY")).toHaveLength(30);
  });

  test("of one address takes nothing from another", async () => {
    const one = forged();
    await flood(one, 400, "10.0.0.6");
    expect(await flood(one, 100, "10.0.0.7")).toBe(0);
  });

  test("does not push out what is known of others", async () => {
    let answer = accepted();
    const one = rig(() => answer);
    await one.review(one.token(), HOME);
    answer = accepted({ authenticated: false });
    for (let n = 0; n < 12; n += 1) await flood(one, 250, `10.0.1.${n}`);
    const before = one.asked.length;
    expect((await one.review(one.token(), HOME)).pod).toBe("web-0");
    expect(one.asked).toHaveLength(before);
  });
});
