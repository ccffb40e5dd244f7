import { describe, expect, test } from "vitest";
import type { Durations } from "../../../injector/tls/durations.ts";
import {
  bundleOf,
  lasting,
  nextAction,
  type Action,
  type Seen,
  type Situation,
  type TlsState,
} from "../../../injector/tls/plan.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 21);
const NAMES = ["podrole-injector.podrole-system.svc"];
const DURATIONS: Durations = {
  caMs: 90 * DAY,
  servingMs: 30 * DAY,
  settleMs: 120_000,
  overlapMs: 3_600_000,
  intervalMs: 10_000,
};

const ca = (pem: string, from = NOW, days = 90) => ({
  pem,
  ...lasting(days * DAY, from),
  canSign: true,
});
const serving = (from = NOW, days = 30) => ({
  ...lasting(days * DAY, from),
  byCa: true,
  names: NAMES,
});
const WHOLE: TlsState = { ca: ca("A"), serving: serving() };

const seen = (over: Partial<Seen>): Seen => ({ bundledMs: 0, switchedMs: 0, lostMs: 0, ...over });

const asked = (state: TlsState, over: Partial<Situation> = {}): Action | undefined =>
  nextAction({
    state,
    held: undefined,
    bundles: [bundleOf(state)],
    names: NAMES,
    now: NOW + DAY,
    durations: DURATIONS,
    seen: seen({}),
    ...over,
  });

describe("with nothing wrong, nothing is done", () => {
  test("in the middle of both lives", () => {
    expect(asked(WHOLE)).toBeUndefined();
  });

  test("whatever order the bundle is in, and in each of several webhooks", () => {
    const state = { ...WHOLE, previous: ca("Z") };
    expect(
      asked(state, {
        bundles: [
          ["A", "Z"],
          ["Z", "A"],
        ],
      }),
    ).toBeUndefined();
  });

  test("about the bundle where there is no webhook configuration to be seen", () => {
    expect(asked(WHOLE, { bundles: undefined })).toBeUndefined();
  });
});

describe("the Secret", () => {
  test("that is not there is made", () => {
    expect(asked({})).toEqual({ do: "create" });
  });

  test("that is not there any more is restored by a replica that serves by it", () => {
    expect(asked({}, { held: WHOLE })).toEqual({ do: "restore" });
  });

  test.for([
    ["its CA has ended", { ca: ca("A", NOW - 100 * DAY), serving: serving() }],
    ["its CA is not valid yet", { ca: ca("A", NOW + 40 * DAY), serving: serving() }],
    ["its certificate has ended", { ca: ca("A"), serving: serving(NOW - 40 * DAY) }],
    ["its certificate has other names", { ca: ca("A"), serving: { ...serving(), names: ["else"] } }],
  ] as const)("is made anew, not restored, where what the replica holds is no better: %s", ([, held]) => {
    expect(asked({}, { held })).toEqual({ do: "create" });
  });

  test("whose CA has ended goes on with the next one at once, however long that has been in the bundles", () => {
    const state = { ...WHOLE, ca: ca("A", NOW - 100 * DAY), next: ca("B") };
    expect(asked(state, { bundles: [["A"]] })).toEqual({ do: "switch" });
  });

  test("whose CA has ended, the next one with it, is made anew", () => {
    const ended = NOW - 100 * DAY;
    const state = { ...WHOLE, ca: ca("A", ended), next: ca("B", ended) };
    expect(asked(state, { bundles: [["A"]] })).toEqual({ do: "create" });
  });

  test.for([
    ["none", undefined],
    ["one that has ended", serving(NOW - 31 * DAY)],
    ["one that is not valid yet, of a clock that was far ahead", serving(NOW + 12 * DAY)],
    ["one by another CA, or with another key", { ...serving(), byCa: false }],
    ["one for another Service", { ...serving(), names: ["other.podrole-system.svc"] }],
  ] as const)("without a certificate to serve gets one by its CA: %s", ([, one]) => {
    const state: TlsState = { ca: ca("A"), ...(one ? { serving: one } : {}) };
    expect(asked(state)).toEqual({ do: "issue" });
    // What is served comes before what is trusted.
    expect(asked(state, { bundles: [[]] })).toEqual({ do: "issue" });
  });

  test("that has lost only the key of its CA is served by while the next CA is introduced", () => {
    expect(asked({ ...WHOLE, ca: { ...ca("A"), canSign: false } })).toEqual({ do: "add-next" });
  });
});

describe("while the API servers trust another CA than the Secret's", () => {
  const strange: TlsState = { ca: ca("X"), serving: serving() };

  test("what this replica serves by is written again, so that the other CA is announced first", () => {
    expect(asked(strange, { held: WHOLE, bundles: [["A"], ["A"]] })).toEqual({ do: "restore" });
  });

  test.for([
    ["one caBundle has been given the other CA", WHOLE, [["A"], ["X"]]],
    ["nobody can see the caBundles", WHOLE, undefined],
    ["this replica has nothing better", { ...WHOLE, serving: serving(NOW - 40 * DAY) }, [["A"]]],
  ] as const)("but not where %s", ([, held, bundles]) => {
    expect(asked(strange, { held, bundles })).not.toEqual({ do: "restore" });
  });

  test("nor where this replica has only missed a change of CAs", () => {
    expect(asked({ ...strange, previous: ca("A") }, { held: WHOLE, bundles: [["A"]] })).toEqual({
      do: "patch",
      bundle: ["A", "X"],
    });
  });
});

describe("a replica with nothing to serve by", () => {
  const LOST: readonly (readonly [string, TlsState, Action])[] = [
    ["no Secret", {}, { do: "create" }],
    ["a Secret that has lost its keys", { ca: { ...ca("A"), canSign: false } }, { do: "create" }],
    [
      "a Secret that has lost its keys while there is a CA to come",
      { ca: { ...ca("A"), canSign: false }, next: ca("B") },
      { do: "switch" },
    ],
    ["a Secret that has lost its CA", { next: ca("B") }, { do: "switch" }],
    [
      "a Secret with a CA that nobody trusts",
      { ca: ca("X"), serving: serving() },
      { do: "patch", bundle: ["X"] },
    ],
  ];

  test.for(LOST)("gives those that may still serve three looks, where it finds %s", ([, state, then]) => {
    const at = (lostMs: number): Action | undefined =>
      asked(state, { bundles: [["A"]], seen: seen({ lostMs }) });
    expect([at(0), at(20_000), at(30_000)]).toEqual([{ do: "wait" }, { do: "wait" }, then]);
  });

  test.for([
    ["is empty", [[]]],
    ["cannot be seen", undefined],
  ] as const)("has nobody to wait for where the caBundle %s", ([, bundles]) => {
    expect(asked({}, { bundles })).toEqual({ do: "create" });
  });

  test("has nobody to wait for where the caBundle holds only a CA that has ended", () => {
    expect(asked({ ca: ca("A", NOW - 100 * DAY) }, { bundles: [["A"]] })).toEqual({ do: "create" });
  });
});

describe("the caBundle", () => {
  test.for([
    ["wiped", [[]]],
    ["of somebody else", [["X"]]],
    ["with somebody else's beside ours", [["A", "X"]]],
    ["wiped in one of two webhooks", [["A"], []]],
  ] as const)("that was %s is written again", ([, bundles]) => {
    expect(asked(WHOLE, { held: WHOLE, bundles })).toEqual({ do: "patch", bundle: ["A"] });
  });

  test("holds the CA that was, the CA that is and the CA to come", () => {
    expect(bundleOf({ ca: ca("A"), next: ca("B"), previous: ca("Z") })).toEqual(["Z", "A", "B"]);
  });

  test("that loses the CA to come has it put back", () => {
    const state = { ...WHOLE, next: ca("B") };
    expect(asked(state, { bundles: [["A"]] })).toEqual({ do: "patch", bundle: ["A", "B"] });
  });
});

describe("a rotation of the CA", () => {
  const rotating = { ...WHOLE, next: ca("B") };

  test("begins when two thirds of its life are over, and not a moment before", () => {
    const state = { ca: ca("A"), serving: serving(NOW + 50 * DAY) };
    expect(asked(state, { now: NOW + 60 * DAY - 1 })).toBeUndefined();
    expect(asked(state, { now: NOW + 60 * DAY })).toEqual({ do: "add-next" });
  });

  test("waits until the new CA has been seen in every caBundle for long enough", () => {
    expect(asked(rotating)).toBeUndefined();
    expect(asked(rotating, { seen: seen({ bundledMs: 110_000 }) })).toBeUndefined();
    expect(asked(rotating, { seen: seen({ bundledMs: 120_000 }) })).toEqual({ do: "switch" });
  });

  test("does not go on while the webhook configuration cannot be seen", () => {
    expect(asked(rotating, { bundles: undefined, seen: seen({ bundledMs: 120_000 }) })).toBeUndefined();
  });

  test("ends when the old CA has been kept for as long as a replica may lag", () => {
    const state = { ...WHOLE, previous: ca("Z") };
    expect(asked(state, { seen: seen({ switchedMs: 3_590_000 }) })).toBeUndefined();
    expect(asked(state, { seen: seen({ switchedMs: 3_600_000 }) })).toEqual({ do: "drop-previous" });
  });

  test("does not begin before the one before it has ended", () => {
    const state = { ca: ca("A"), serving: serving(NOW + 60 * DAY), previous: ca("Z", NOW) };
    expect(asked(state, { now: NOW + 61 * DAY })).toBeUndefined();
  });

  test("takes another new CA where the one it has ends before it was used", () => {
    expect(asked({ ...WHOLE, next: ca("B", NOW - 91 * DAY) })).toEqual({ do: "add-next" });
  });
});

describe("a renewal of the certificate", () => {
  test("is due when two thirds of its life are over", () => {
    expect(asked(WHOLE, { now: NOW + 20 * DAY - 1 })).toBeUndefined();
    expect(asked(WHOLE, { now: NOW + 20 * DAY })).toEqual({ do: "issue" });
  });

  test("is due at once on a clock that has jumped eight days ahead across it", () => {
    expect(asked(WHOLE, { now: NOW + 18 * DAY + 8 * DAY })).toEqual({ do: "issue" });
  });

  test("is not tried where its CA ends with it, which would make one after the other", () => {
    const state: TlsState = { ca: ca("A", NOW, 30), serving: serving(NOW), next: ca("B") };
    expect(asked(state, { now: NOW + 25 * DAY })).toBeUndefined();
  });
});
