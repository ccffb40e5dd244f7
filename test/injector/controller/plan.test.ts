import { describe, expect, test } from "vitest";
import type { Durations } from "../../../injector/controller/durations.ts";
import {
  bundleOf,
  lasting,
  nextAction,
  type Action,
  type Situation,
} from "../../../injector/controller/plan.ts";
import type { TlsState } from "../../../injector/tls/state.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 21);
const NAMES = ["podrole-injector.podrole-system.svc"];
const DURATIONS: Durations = {
  caMs: 90 * DAY,
  servingMs: 30 * DAY,
  settleMs: 120_000,
  lostMs: 30_000,
  overlapMs: 3_600_000,
  intervalMs: 10_000,
};

const ca = (pem: string, from = NOW, days = 90) => ({ pem, ...lasting(days * DAY, from), canSign: true });
const serving = (from = NOW, days = 30) => ({ ...lasting(days * DAY, from), byCa: true, names: NAMES });
type Parts = Omit<TlsState, "previous"> & Partial<Pick<TlsState, "previous">>;
const state = (parts: Parts): TlsState => ({ previous: [], ...parts });
const WHOLE = state({ ca: ca("A"), serving: serving() });
const ENDED = NOW - 100 * DAY;

const asked = (parts: Parts, over: Partial<Situation> = {}): Action | undefined => {
  const bundles = "bundles" in over ? over.bundles : [bundleOf(state(parts))];
  return nextAction({
    state: state(parts),
    bundles,
    trusted: [...new Set(bundles?.flat())].map((pem) => ca(pem)),
    known: undefined,
    settledMs: 0,
    names: NAMES,
    now: NOW + DAY,
    durations: DURATIONS,
    ...over,
  });
};
const announced = (...previous: readonly string[]): Action => ({ do: "announce", previous });

describe("with nothing wrong, nothing is done", () => {
  test("in the middle of both lifetimes", () => {
    expect(asked(WHOLE)).toBeUndefined();
  });

  test("with the CAs of a caBundle in any order, in each of several webhooks", () => {
    const bundles = [
      ["A", "Z"],
      ["Z", "A"],
    ];
    expect(asked({ ...WHOLE, previous: [ca("Z")] }, { bundles })).toBeUndefined();
  });

  test("when the webhook configuration cannot be read", () => {
    expect(asked(WHOLE, { bundles: undefined })).toBeUndefined();
  });
});

describe("a Secret without a CA that could sign", () => {
  test.for([
    ["it does not exist", {}, [], announced()],
    ["it does not exist, and API servers trust a CA", {}, ["A"], announced("A")],
    ["its CA has expired", { ca: ca("A", ENDED), serving: serving() }, ["A"], announced("A")],
    [
      "its CA has lost its key and its certificate",
      { ca: { ...ca("A"), canSign: false } },
      ["A"],
      announced("A"),
    ],
    ["the next CA has expired too", { ca: ca("A", ENDED), next: ca("B", ENDED) }, [], announced()],
    ["API servers trust a CA that it does not name", { next: ca("B") }, ["A", "B"], announced("A")],
  ] as const)(
    "gets a CA that is announced first, and keeps the trusted ones: %s",
    ([, parts, bundle, action]) => {
      expect(asked(parts, { bundles: [bundle] })).toEqual(action);
    },
  );

  test("is not changed when the controller cannot read what API servers trust", () => {
    expect(asked({}, { bundles: undefined })).toBeUndefined();
  });

  test("uses the announced CA as soon as it is in every caBundle when no replica can be serving yet", () => {
    expect(asked({ next: ca("B") }, { bundles: [[], []] })).toEqual({ do: "patch", bundle: ["B"] });
    expect(asked({ next: ca("B") }, { bundles: [["B"], ["B"]] })).toEqual({ do: "switch" });
  });

  test("uses the announced CA after half a minute when replicas may serve a certificate of another CA", () => {
    const parts = { next: ca("B"), previous: [ca("A")] };
    expect(asked(parts, { settledMs: 20_000 })).toBeUndefined();
    expect(asked(parts, { settledMs: 30_000 })).toEqual({ do: "switch" });
  });

  test("uses the next CA at once when the CA has expired", () => {
    expect(asked({ ...WHOLE, ca: ca("A", ENDED), next: ca("B") })).toEqual({ do: "switch" });
  });
});

describe("a CA in the Secret that API servers do not trust", () => {
  const strange = { ca: ca("X"), serving: serving() };

  test("is announced first when they trust another one, as after somebody replaced the Secret", () => {
    expect(asked(strange, { bundles: [["A"]] })).toEqual(announced("A"));
    expect(asked(strange, { bundles: [["A"]], known: "A" })).toEqual(announced("A"));
  });

  test.for([
    ["the controller has seen it trusted", { bundles: [["F"]], known: "X" }],
    ["they trust none", { bundles: [[]] }],
    ["they trust only an expired one", { bundles: [["F"]], trusted: [ca("F", ENDED)] }],
    ["one of two caBundles has it", { bundles: [["X"], []] }],
  ] as const)("is put into every caBundle at once when %s", ([, over]) => {
    expect(asked(strange, over)).toEqual({ do: "patch", bundle: ["X"] });
  });
});

describe("the certificate in the Secret", () => {
  test.for([
    ["none", undefined],
    ["an expired one", serving(NOW - 31 * DAY)],
    ["one that is not valid yet, from a clock that was far ahead", serving(NOW + 12 * DAY)],
    ["one by another CA, or with another key", { ...serving(), byCa: false }],
    ["one for another Service", { ...serving(), names: ["other.podrole-system.svc"] }],
  ] as const)("is signed by its CA, which is in the caBundle before that: %s", ([, one]) => {
    const parts = { ca: ca("A"), ...(one ? { serving: one } : {}) };
    expect(asked(parts)).toEqual({ do: "issue" });
    expect(asked(parts, { bundles: [[]] })).toEqual({ do: "patch", bundle: ["A"] });
    expect(asked(parts, { bundles: undefined })).toEqual({ do: "issue" });
  });

  test("is renewed after two thirds of its lifetime", () => {
    expect(asked(WHOLE, { now: NOW + 20 * DAY - 1 })).toBeUndefined();
    expect(asked(WHOLE, { now: NOW + 20 * DAY })).toEqual({ do: "issue" });
  });

  test("is renewed at once when the clock jumps eight days ahead past that moment", () => {
    expect(asked(WHOLE, { now: NOW + 26 * DAY })).toEqual({ do: "issue" });
  });

  test("is not renewed when its CA expires with it, which would make certificates without end", () => {
    const parts = { ca: ca("A", NOW, 30), serving: serving(NOW), next: ca("B") };
    expect(asked(parts, { now: NOW + 25 * DAY })).toBeUndefined();
  });
});

describe("a rotation of the CA", () => {
  const rotating = { ...WHOLE, next: ca("B") };

  test("begins exactly after two thirds of the CA's lifetime", () => {
    const parts = { ca: ca("A"), serving: serving(NOW + 50 * DAY) };
    expect(asked(parts, { now: NOW + 60 * DAY - 1 })).toBeUndefined();
    expect(asked(parts, { now: NOW + 60 * DAY })).toEqual({ do: "add-next" });
  });

  test("begins at once when only the key of the CA is lost", () => {
    expect(asked({ ...WHOLE, ca: { ...ca("A"), canSign: false } })).toEqual({ do: "add-next" });
  });

  test("adds the new CA to the old one, and adds it again when it is missing", () => {
    expect(asked(rotating, { bundles: [["A"]] })).toEqual({ do: "patch", bundle: ["A", "B"] });
    expect(bundleOf(state({ ...rotating, previous: [ca("Z")] }))).toEqual(["Z", "A", "B"]);
  });

  test("waits until all CAs have been in every caBundle for two minutes", () => {
    expect(asked(rotating, { settledMs: 110_000 })).toBeUndefined();
    expect(asked(rotating, { settledMs: 120_000 })).toEqual({ do: "switch" });
  });

  test("does not continue while the webhook configuration cannot be read", () => {
    expect(asked(rotating, { bundles: undefined, settledMs: 120_000 })).toBeUndefined();
  });

  test("ends when the old CA has been kept for an hour or has expired", () => {
    const over = { ...WHOLE, previous: [ca("Z")] };
    expect(asked(over, { settledMs: 3_590_000 })).toBeUndefined();
    expect(asked(over, { settledMs: 3_600_000 })).toEqual({ do: "drop-previous" });
    expect(asked({ ...WHOLE, previous: [ca("Z", ENDED)] })).toEqual({ do: "drop-previous" });
  });

  test("does not begin before the previous rotation has ended", () => {
    const parts = { ca: ca("A"), serving: serving(NOW + 60 * DAY), previous: [ca("Z", NOW)] };
    expect(asked(parts, { now: NOW + 61 * DAY })).toBeUndefined();
  });

  test("makes another new CA when the first expires before it was used", () => {
    expect(asked({ ...WHOLE, next: ca("B", NOW - 91 * DAY) })).toEqual({ do: "add-next" });
  });
});
