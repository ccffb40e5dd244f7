import { expect, test } from "vitest";
import { heldSessions, type MadeSession } from "../../../injector/broker/held-sessions.ts";
import { credentials } from "../../support/credentials.ts";
import { HOUR, MINUTE } from "../../support/engine-rig.ts";
import { handClock } from "../../support/hand-clock.ts";

function rig(most?: number) {
  const clock = handClock();
  const held = heldSessions(clock, most);
  const session = (lifetimeMs = HOUR): MadeSession => ({
    credentials: credentials({ issuedAt: clock.now(), expiresAt: clock.now() + lifetimeMs }),
    requestId: "r-1",
  });
  return { clock, held, session };
}

test("a session is fresh in the first quarter of its life", async () => {
  const { clock, held, session } = rig();
  held.put("a", session());
  await clock.advance(15 * MINUTE);
  expect(held.fresh("a")).toMatchObject({ requestId: "r-1" });
  await clock.advance(1);
  expect(held.fresh("a")).toBeUndefined();
  expect(held.get("a")).toMatchObject({ requestId: "r-1" });
});

test("a session is given until it expires and not after", async () => {
  const { clock, held, session } = rig();
  held.put("a", session());
  await clock.advance(HOUR - 1);
  expect(held.get("a")).toBeDefined();
  await clock.advance(1);
  expect(held.get("a")).toBeUndefined();
});

test("a session ends early by as much as the clock was set back", () => {
  const { clock, held, session } = rig();
  held.put("a", session());
  clock.jump(-HOUR);
  expect(held.get("a")?.credentials.expiresAt).toBe(clock.now() + HOUR);
});

test("what has expired is not kept in memory", async () => {
  const { clock, held, session } = rig();
  const stopping = new AbortController();
  const swept = held.sweep(stopping.signal);
  held.put("short", session(15 * MINUTE));
  held.put("long", session());
  await clock.advance(16 * MINUTE);
  expect(held.size()).toBe(1);
  await clock.advance(HOUR);
  expect(held.size()).toBe(0);
  stopping.abort();
  await swept;
});

test("when there are too many, the oldest goes", () => {
  const { held, session } = rig(2);
  held.put("a", session());
  held.put("b", session());
  held.put("a", session());
  held.put("c", session());
  expect(held.size()).toBe(2);
  expect(held.get("b")).toBeUndefined();
  expect(held.get("a")).toBeDefined();
});

test("a session that was dropped is not given", () => {
  const { held, session } = rig();
  held.put("a", session());
  held.drop("a");
  expect(held.get("a")).toBeUndefined();
});
