import { expect, onTestFinished, test } from "vitest";
import type { Reach } from "../../sidecar/kit/reach.ts";
import { createGuardCheck, type GuardCheck } from "../../sidecar/guard-check.ts";
import { handClock, type HandClock } from "../support/hand-clock.ts";

const REFUSED: Reach = { kind: "refused", code: "ECONNREFUSED" };
const CONNECTED: Reach = { kind: "connected" };
const MINUTE = 60_000;

interface Rig {
  readonly clock: HandClock;
  readonly guardCheck: GuardCheck;
  readonly looks: readonly string[];
  readonly silent: readonly string[];
  outcomes: Readonly<Record<string, Reach>>;
}

function rig(outcomes: Rig["outcomes"]): Rig {
  const clock = handClock();
  const looks: string[] = [];
  const silent: string[] = [];
  const guardCheck = createGuardCheck({
    addresses: Object.keys(outcomes),
    clock,
    reach: async (address, port) => {
      looks.push(`${address} ${port}`);
      return made.outcomes[address] ?? REFUSED;
    },
    onTimeout: (address) => silent.push(address),
  });
  const made: Rig = { clock, guardCheck, looks, silent, outcomes };
  onTestFinished(() => guardCheck.stop());
  guardCheck.start();
  return made;
}

test("the guard check withholds credentials before its first result", () => {
  expect(rig({ "127.0.0.9": REFUSED }).guardCheck.problem()).toMatchObject({ code: "GUARD_NOT_VERIFIED" });
});

test("the guard check allows credentials when each address refuses, and checks again every minute", async () => {
  const { clock, guardCheck, looks } = rig({ "127.0.0.9": REFUSED, "::1": REFUSED });
  await clock.advance(1);
  expect(guardCheck.problem()).toBeUndefined();
  await clock.advance(2 * MINUTE);
  expect(looks).toHaveLength(6);
  expect(looks.slice(0, 2)).toEqual(["127.0.0.9 80", "::1 80"]);
});

test("the guard check withholds credentials when one address accepts, and names it", async () => {
  const { clock, guardCheck } = rig({ "127.0.0.9": REFUSED, "127.0.0.10": CONNECTED });
  await clock.advance(1);
  expect(guardCheck.problem()).toMatchObject({
    code: "METADATA_REACHABLE",
    message: expect.stringContaining("127.0.0.10"),
  });
});

test("the guard check withholds credentials when the guard is removed from a running pod, and recovers when it is back", async () => {
  const made = rig({ "127.0.0.9": REFUSED });
  await made.clock.advance(MINUTE / 2);
  made.outcomes = { "127.0.0.9": CONNECTED };
  await made.clock.advance(MINUTE);
  expect(made.guardCheck.state()).toEqual({ kind: "open", address: "127.0.0.9" });
  made.outcomes = { "127.0.0.9": REFUSED };
  await made.clock.advance(10_000);
  expect(made.guardCheck.problem()).toBeUndefined();
});

test("the guard check treats silence as out of reach, but reports it", async () => {
  const { clock, guardCheck, silent } = rig({ "127.0.0.9": { kind: "timeout" } });
  await clock.advance(1);
  expect(guardCheck.problem()).toBeUndefined();
  expect(silent).toEqual(["127.0.0.9"]);
});

test("the guard check learns nothing from an attempt for which there was no socket", async () => {
  const made = rig({ "127.0.0.9": { kind: "refused", code: "EMFILE" } });
  await made.clock.advance(1);
  expect(made.guardCheck.problem()).toMatchObject({ code: "GUARD_NOT_VERIFIED" });
  made.outcomes = { "127.0.0.9": CONNECTED };
  await made.clock.advance(MINUTE);
  made.outcomes = { "127.0.0.9": { kind: "refused", code: "EMFILE" } };
  await made.clock.advance(MINUTE);
  expect(made.guardCheck.problem()).toMatchObject({ code: "METADATA_REACHABLE" });
});

test("the guard check has nothing to check without addresses", async () => {
  const { clock, guardCheck, looks } = rig({});
  expect(guardCheck.problem()).toBeUndefined();
  await guardCheck.firstClosed;
  await clock.advance(MINUTE);
  expect(looks).toEqual([]);
});
