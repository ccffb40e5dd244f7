import { describe, expect, onTestFinished, test } from "vitest";
import type { Reach } from "../../sidecar/kit/reach.ts";
import { createGuardCheck, logGuardState, type GuardCheck } from "../../sidecar/guard-check.ts";
import { lookByConnecting, lookByProof, type Prove } from "../../sidecar/guard-looks.ts";
import type { Verdict } from "../../sidecar/proof/verdict.ts";
import { handClock, type HandClock } from "../support/hand-clock.ts";
import { logLines } from "../support/log-lines.ts";

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
    clock,
    look: lookByConnecting(
      Object.keys(outcomes),
      async (address, port) => {
        looks.push(`${address} ${port}`);
        return made.outcomes[address] ?? REFUSED;
      },
      (address) => silent.push(address),
    ),
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
  expect(made.guardCheck.state()).toMatchObject({ kind: "open", address: "127.0.0.9" });
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

test("the guard check has nothing to check where there is nothing to look at", async () => {
  const guardCheck = createGuardCheck({ look: undefined, clock: handClock() });
  guardCheck.start();
  expect(guardCheck.problem()).toBeUndefined();
  await guardCheck.firstClosed;
  expect(guardCheck.state()).toEqual({ kind: "unchecked" });
});

describe("in mode verify, the guard check", () => {
  const EC2 = "169.254.169.254";
  type Kind = "held" | "reachable" | "unproven";
  const SAID: Readonly<Record<Kind, string>> = {
    held: `${EC2} port 80 refused the connection`,
    reachable: `${EC2} port 80 answered PUT /latest/api/token with 200`,
    unproven: `${EC2} port 80 did not answer GET`,
  };

  /** A guard check of which each proof takes as long as it may, and finds what the test says. */
  function proving(kind: Kind) {
    const clock = handClock();
    const { log, lines } = logLines();
    const proofs: { readonly at: number; readonly waitMs: number }[] = [];
    const made = { kind };
    const prove: Prove = async (addresses, { waitMs }) => {
      proofs.push({ at: clock.elapsed(), waitMs });
      await clock.sleep(waitMs);
      return addresses.map((address) => ({ address, kind: made.kind, said: SAID[made.kind] }));
    };
    const guardCheck = createGuardCheck({
      look: lookByProof([EC2], prove),
      clock,
      onChange: (state) => logGuardState(state, log),
    });
    onTestFinished(() => guardCheck.stop());
    guardCheck.start();
    return Object.assign(made, { clock, guardCheck, proofs, code: () => guardCheck.problem()?.code, lines });
  }

  test("gives the first proof two seconds, since the start waits for it, and later ones five", async () => {
    const { clock, code, proofs } = proving("held");
    await clock.advance(1999);
    expect(code()).toBe("GUARD_NOT_VERIFIED");
    await clock.advance(1);
    expect(code()).toBeUndefined();
    await clock.advance(2 * MINUTE + 5000);
    expect(proofs).toEqual([
      { at: 0, waitMs: 2000 },
      { at: 62_000, waitMs: 5000 },
      { at: 127_000, waitMs: 5000 },
    ]);
  });

  test("withholds credentials when something answers, says what, and asks every ten seconds until it is closed", async () => {
    const made = proving("held");
    await made.clock.advance(2000);
    made.kind = "reachable";
    await made.clock.advance(MINUTE + 5000);
    expect(made.guardCheck.problem()).toMatchObject({
      code: "METADATA_REACHABLE",
      message: `The pod can reach the metadata service, so credentials are withheld: ${SAID.reachable}.`,
    });
    await made.clock.advance(30_000);
    expect(made.proofs.slice(-2).map(({ at }) => at)).toEqual([77_000, 92_000]);
    made.kind = "held";
    await made.clock.advance(15_000);
    expect(made.code()).toBeUndefined();
    expect(made.lines.map(({ level, msg, address, reason }) => ({ level, msg, address, reason }))).toEqual([
      { level: 30, msg: "metadata service out of reach" },
      {
        level: 50,
        msg: "metadata service reachable, credentials withheld",
        address: EC2,
        reason: made.lines[1]?.["reason"],
      },
      { level: 30, msg: "metadata service out of reach" },
    ]);
  });

  test("tells the three ways to close the address, and nothing of NET_ADMIN", async () => {
    for (const kind of ["reachable", "unproven"] as const) {
      const { clock, guardCheck } = proving(kind);
      await clock.advance(2000);
      const remedy = guardCheck.problem()?.remedy;
      expect(remedy).toMatch(/--http-put-response-hop-limit 1.*NetworkPolicy.*privileged/);
      expect(remedy).not.toContain("NET_ADMIN");
    }
  });

  test("withholds credentials at the start while nothing is proven", async () => {
    const made = proving("unproven");
    await made.clock.advance(2000);
    expect(made.guardCheck.problem()).toMatchObject({
      code: "METADATA_UNPROVEN",
      message: expect.stringContaining(SAID.unproven),
    });
    made.kind = "held";
    await made.clock.advance(15_000);
    expect(made.code()).toBeUndefined();
  });

  test("goes on serving for five minutes after the last proof, asking every ten seconds, and then withholds credentials", async () => {
    const made = proving("held");
    await made.clock.advance(2000);
    made.kind = "unproven";
    await made.clock.advance(MINUTE + 5000);
    expect(made.guardCheck.state()).toMatchObject({ kind: "doubted" });
    await made.clock.advance(15_000);
    expect(made.proofs.slice(-2).map(({ at }) => at)).toEqual([62_000, 77_000]);
    // The last proof was at 2 s. Each further check ends 15 s after the one before.
    await made.clock.advance(301_999 - made.clock.elapsed());
    expect(made.code()).toBeUndefined();
    await made.clock.advance(15_000);
    expect(made.code()).toBe("METADATA_UNPROVEN");
    made.kind = "held";
    await made.clock.advance(15_000);
    expect(made.code()).toBeUndefined();
    expect(made.lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      "30 metadata service out of reach",
      "40 metadata service not proven out of reach",
      "50 metadata service not proven out of reach, credentials withheld",
      "30 metadata service out of reach",
    ]);
    expect(made.lines[1]?.["reason"]).not.toContain("withheld");
  });

  test("counts the five minutes anew after each proof", async () => {
    const made = proving("held");
    await made.clock.advance(2000);
    for (let round = 0; round < 10; round += 1) {
      made.kind = "unproven";
      await made.clock.advance(4 * MINUTE);
      made.kind = "held";
      await made.clock.advance(MINUTE);
      expect(made.guardCheck.state()).toEqual({ kind: "closed" });
    }
    expect(made.lines.filter(({ level }) => level === 50)).toEqual([]);
  });

  test("takes what was reached for reachable until the opposite is proven", async () => {
    const made = proving("reachable");
    await made.clock.advance(2000);
    made.kind = "unproven";
    await made.clock.advance(10 * MINUTE);
    expect(made.code()).toBe("METADATA_REACHABLE");
    expect(made.lines).toHaveLength(1);
  });
});

test("in mode verify, one address that is not held is enough, and what was reached comes before what is unproven", async () => {
  const look = (...kinds: readonly string[]) =>
    lookByProof([], async () =>
      kinds.map((kind, index) => ({ address: `127.0.0.${index}`, kind, said: "x" }) as Verdict),
    )(false);
  expect(await look("held", "held")).toEqual({ kind: "held" });
  expect(await look("held", "unproven")).toMatchObject({ kind: "unproven" });
  expect(await look("unproven", "held", "reachable")).toMatchObject({
    kind: "reachable",
    address: "127.0.0.2",
  });
  expect(await look("held", "of a kind that nobody knows")).toMatchObject({ kind: "unproven" });
});
