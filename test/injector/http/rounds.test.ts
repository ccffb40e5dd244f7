import { setImmediate as nextRound } from "node:timers/promises";
import { expect, test } from "vitest";
import { rounds } from "../../../injector/http/rounds.ts";

/** Enters for each name, which begins with its address. @returns who has begun by the end of each round */
async function begun(most: number, names: readonly string[]): Promise<readonly (readonly string[])[]> {
  const turns = rounds(most);
  let now: string[] = [];
  for (const name of names) {
    const begin = (): void => void now.push(name);
    if (turns.enter(name.charAt(0), begin)) begin();
  }
  const all: (readonly string[])[] = [];
  for (; now.length > 0; await nextRound()) {
    all.push(now);
    now = [];
  }
  return all;
}

test("an address begins so many requests in a round, and the others in later ones, in their order", async () => {
  expect(await begun(2, ["a1", "a2", "a3", "a4", "a5"])).toEqual([["a1", "a2"], ["a3", "a4"], ["a5"]]);
});

test("an address with many requests does not delay those of others", async () => {
  expect(await begun(2, ["a1", "a2", "a3", "a4", "b1", "c1", "c2", "c3"])).toEqual([
    ["a1", "a2", "b1", "c1", "c2"],
    ["a3", "a4", "c3"],
  ]);
});

test("a request that comes while others of its address wait begins after them", async () => {
  const turns = rounds(1);
  const order: string[] = [];
  const enter = (name: string): void => {
    const begin = (): void => {
      order.push(name);
      if (name === "second") enter("fourth");
    };
    if (turns.enter("a", begin)) begin();
  };
  ["first", "second", "third"].forEach(enter);
  for (let round = 0; round < 4; round += 1) await nextRound();
  expect(order).toEqual(["first", "second", "third", "fourth"]);
});
