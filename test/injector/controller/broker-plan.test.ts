import { describe, expect, test } from "vitest";
import {
  byClock,
  nextBrokerAction,
  type BrokerAction,
  type BrokerSituation,
} from "../../../injector/controller/broker-plan.ts";
import { BROKER_DURATIONS } from "../../../injector/controller/durations.ts";
import { lasting } from "../../../injector/controller/plan.ts";
import type { TlsState } from "../../../injector/tls/state.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 29);
const NAMES = ["podrole-broker.podrole-system.svc"];

const ca = (pem: string, from = NOW, days = 3650) => ({ pem, ...lasting(days * DAY, from), canSign: true });
const serving = (from = NOW, days = 30) => ({ ...lasting(days * DAY, from), byCa: true, names: NAMES });
type Parts = Partial<TlsState>;
const state = (parts: Parts): TlsState => ({ previous: [], ...parts });

const A = ca("A");
const served = (by = A, one = serving()): TlsState => state({ ca: by, serving: one });
const asked = (authorities: Parts, over: Partial<BrokerSituation> = {}): BrokerAction | undefined =>
  nextBrokerAction({
    authorities: state(authorities),
    served: served(),
    bundle: { own: ["A"], others: [], isCanonical: true },
    confirmedMs: 0,
    names: NAMES,
    now: NOW + DAY,
    durations: BROKER_DURATIONS,
    ...over,
  });
const bundle = (...own: readonly string[]) => ({ bundle: { own, others: [], isCanonical: true } });
const issue = { do: "issue" } as const;

describe("nothing is done", () => {
  test("in the middle of all lifetimes", () => {
    expect(asked({ ca: A })).toBeUndefined();
  });

  test("where the CAs that pods trust are not known, and another CA than the served one would sign", () => {
    for (const authorities of [{}, { ca: ca("B") }, { ca: { ...A, canSign: false } }])
      expect(asked(authorities, { bundle: undefined, now: NOW + 29 * DAY })).toBeUndefined();
  });
});

describe("a CA that is not there, or cannot sign,", () => {
  test.for([
    ["is made, with the CAs that pods trust as those before", {}, { do: "create", previous: ["A"] }],
    ["is made where its key is lost", { ca: { ...A, canSign: false } }, { do: "create", previous: ["A"] }],
    ["is followed by the next one at once", { next: ca("B") }, { do: "switch" }],
    [
      "is not followed by a next one that is over",
      { next: ca("B", NOW - 3660 * DAY) },
      { do: "create", previous: ["A"] },
    ],
  ] as const)("%s", ([, authorities, action]) => {
    expect(asked(authorities)).toEqual(action);
  });
});

describe("brokerCa", () => {
  test.for([
    ["has the CA before a certificate by it is made", { ca: ca("B") }, bundle(), ["B"]],
    ["keeps the CA by which the broker serves, before the others", { ca: ca("B") }, bundle("A"), ["A", "B"]],
    ["has the next CA", { ca: A, next: ca("B") }, bundle("A"), ["A", "B"]],
    ["loses a CA by which nothing is served", { ca: A }, bundle("A", "Z"), ["A"]],
    [
      "keeps what an admin has added",
      { ca: A, next: ca("B") },
      { bundle: { own: ["A"], others: ["X"], isCanonical: true } },
      ["A", "B", "X"],
    ],
    [
      "is written again in the right form",
      { ca: A },
      { bundle: { own: ["A"], others: [], isCanonical: false } },
      ["A"],
    ],
    [
      "trusts no CA of a certificate that somebody has put into the broker's Secret",
      { ca: A, next: ca("B") },
      { ...bundle("A"), served: served(ca("X")) },
      ["A", "B"],
    ],
    [
      "that is wiped trusts again the CA before, by which the broker still serves",
      { ca: ca("B"), previous: [A] },
      bundle(),
      ["A", "B"],
    ],
  ] as const)("%s", ([, authorities, over, pems]) => {
    expect(asked(authorities, over)).toEqual({ do: "publish", pems });
  });

  test("is not held back by the order of its CAs", () => {
    expect(asked({ ca: A, next: ca("B") }, bundle("B", "A"))).toBeUndefined();
  });
});

describe("the broker's certificate", () => {
  test.for([
    ["is missing", state({})],
    ["has another name", served(A, { ...serving(), names: ["x"] })],
    ["does not belong to its key", served(A, { ...serving(), byCa: false })],
    ["is over", served(A, serving(NOW - 31 * DAY))],
    ["is not valid yet", served(A, serving(NOW + 12 * DAY))],
    ["is by a CA that pods do not trust", served(ca("X"))],
    ["is two thirds over", served(A, serving(NOW - 19 * DAY))],
  ] as const)("is made where the one that is there %s", ([, one]) => {
    expect(asked({ ca: A }, { served: one })).toEqual(issue);
  });

  test("by a CA before the one in use is served until its last day", () => {
    const over = bundle("A", "B");
    expect(asked({ ca: ca("B") }, { ...over, now: NOW + 29 * DAY - 1 })).toBeUndefined();
    expect(asked({ ca: ca("B") }, { ...over, now: NOW + 29 * DAY })).toEqual(issue);
  });

  test("is renewed by the CA in use also where the CAs that pods trust are not known", () => {
    expect(asked({ ca: A }, { bundle: undefined, now: NOW + 20 * DAY })).toEqual(issue);
  });
});

describe("the clock asks for", () => {
  const end = NOW + 3650 * DAY;
  const clock = (authorities: Parts, now: number) =>
    byClock({ authorities: state(authorities), now, durations: BROKER_DURATIONS });

  test.for([
    ["nothing in the CA's life", { ca: A }, NOW, undefined],
    ["nothing without a next CA", { ca: A }, end - DAY, undefined],
    ["nothing before the last sixty days", { ca: A, next: ca("B") }, end - 60 * DAY - 1, undefined],
    ["the next CA from then on", { ca: A, next: ca("B") }, end - 60 * DAY, "switch"],
    ["the next CA when the CA is over", { ca: A, next: ca("B", end - DAY) }, end, "switch"],
    ["another CA when there is no next one", { ca: A }, end, "create"],
    ["another CA when the CA is not valid yet", { ca: A }, NOW - 1300 * DAY, "create"],
    ["another next CA when that one is over", { ca: A, next: ca("B", NOW - 3660 * DAY) }, NOW, "add-next"],
    [
      "the next CA in the last eighth of a CA that lasts for three months",
      { ca: ca("A", NOW, 90), next: ca("B") },
      NOW + 76 * DAY,
      "switch",
    ],
    ["nothing before that", { ca: ca("A", NOW, 90), next: ca("B") }, NOW + 74 * DAY, undefined],
  ] as const)("%s", ([, authorities, now, action]) => {
    expect(clock(authorities, now)).toBe(action);
  });

  test("what cannot be undone, and gets it after an hour of looks", () => {
    const late = { ...bundle("A", "B"), now: end - DAY, served: served(A, serving(end - 2 * DAY, 2)) };
    const authorities = { ca: A, next: ca("B") };
    expect(asked(authorities, { ...late, confirmedMs: 3_590_000 })).toBeUndefined();
    expect(asked(authorities, { ...late, confirmedMs: 3_600_000 })).toEqual({ do: "switch" });
    expect(asked({ ca: A }, { now: end, confirmedMs: 3_590_000 })).toBeUndefined();
    expect(asked({ ca: A }, { now: end, confirmedMs: 3_600_000 })).toEqual({ do: "create", previous: ["A"] });
  });

  test("the next CA beside the first, when two thirds of its life are over", () => {
    const at = (now: number) => asked({ ca: A }, { now, served: served(A, serving(now)) });
    expect(at(NOW + (2 * 3650 * DAY) / 3 - 1)).toBeUndefined();
    expect(at(NOW + (2 * 3650 * DAY) / 3)).toEqual({ do: "add-next" });
  });
});
