import { expect, test } from "vitest";
import { BusyError } from "../../../injector/broker/busy.ts";
import { callBudget } from "../../../injector/broker/call-budget.ts";
import { callQueue, type CallQueueOptions } from "../../../injector/broker/call-queue.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

/** A queue for work that lasts until the test ends it. */
function rig({
  callsPerSecond = 1000,
  ...options
}: Partial<CallQueueOptions> & { callsPerSecond?: number } = {}) {
  const clock = handClock();
  const queue = callQueue({ budget: callBudget(callsPerSecond, clock), clock, ...options });
  /** The namespaces of what runs or ran, in order of the starts. */
  const started: string[] = [];
  const running: { readonly namespace: string; readonly end: () => void }[] = [];
  const add = (namespace: string, count = 1): void => {
    for (let one = 0; one < count; one += 1)
      void queue
        .run(namespace, async () => {
          started.push(namespace);
          await new Promise<void>((resolve) => {
            running.push({ namespace, end: resolve });
          });
        })
        .catch(() => undefined);
  };
  const endOne = async (namespace?: string): Promise<void> => {
    const at = namespace === undefined ? 0 : running.findIndex((one) => one.namespace === namespace);
    running.splice(at, 1)[0]?.end();
    await clock.advance(0);
  };
  return { clock, queue, started, add, endOne };
}

test("so much work runs at a time, and the next begins when some has ended", async () => {
  const { clock, queue, started, add, endOne } = rig({ atOnce: 4 });
  for (const namespace of ["a", "b", "c", "d", "e"]) add(namespace);
  await clock.advance(0);
  expect(started).toEqual(["a", "b", "c", "d"]);
  expect(queue.length()).toBe(1);
  await endOne();
  expect(started.at(-1)).toBe("e");
  expect(queue.length()).toBe(0);
});

test("work waits for the budget of calls", async () => {
  const { clock, started, add } = rig({ callsPerSecond: 4 });
  add("a", 3);
  add("b", 2);
  await clock.advance(0);
  expect(started).toHaveLength(1);
  await clock.advance(500);
  expect(started).toHaveLength(3);
  await clock.advance(500);
  expect(started).toHaveLength(5);
});

test("namespaces take turns, whatever the number of their pods", async () => {
  const { clock, started, add } = rig({ callsPerSecond: 4 });
  add("flood", 1000);
  add("shop", 2);
  add("billing", 2);
  await clock.advance(1000);
  expect(started).toEqual(["flood", "flood", "shop", "billing", "flood"]);
  await clock.advance(500);
  expect(started.slice(5)).toEqual(["shop", "billing"]);
});

test("a namespace whose calls do not end leaves half of the places to others", async () => {
  const { clock, started, add, endOne } = rig({ atOnce: 4 });
  add("black-hole", 100);
  await clock.advance(0);
  expect(started).toEqual(["black-hole", "black-hole"]);
  for (let pod = 1; pod <= 10; pod += 1) {
    add("shop");
    await clock.advance(0);
    expect(started).toHaveLength(2 + pod);
    await endOne("shop");
  }
});

test("work that fails makes place, and its failure reaches who asked", async () => {
  const { clock, queue, started, add } = rig({ atOnce: 2 });
  const failing = queue.run("a", async () => {
    throw new BusyError("b", "r", 0);
  });
  expect(await thrown(() => failing)).toMatchObject({ message: "b" });
  add("a");
  await clock.advance(0);
  expect(started).toEqual(["a"]);
});

test("when too many wait, another is told when to come again", async () => {
  const { clock, queue, add } = rig({ callsPerSecond: 2, most: 20 });
  add("a", 11);
  add("b", 11);
  await clock.advance(0);
  const error = await thrown(() => queue.run("c", async () => undefined));
  expect(error).toBeInstanceOf(BusyError);
  expect(error).toMatchObject({ code: "BROKER_BUSY", kind: "throttled", retryAfterSeconds: 10 });
});

test("one namespace takes no more than half of the places to wait in", async () => {
  const { clock, queue, add } = rig({ callsPerSecond: 2, most: 20 });
  add("flood", 50);
  await clock.advance(0);
  expect(queue.length()).toBe(10);
  add("shop");
  expect(queue.length()).toBe(11);
});
