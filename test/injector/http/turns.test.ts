import { expect, test } from "vitest";
import { turns } from "../../../injector/http/turns.ts";

/** Asks in order, by a name each. @returns who has had a turn, and how to end one */
function asking(
  most: number,
  ...requests: readonly (readonly [name: string, address: string, weight: number])[]
) {
  const memory = turns(most);
  const come: string[] = [];
  const ends = new Map(
    requests.map(([name, address, weight]) => {
      const turn = memory.ask(address, weight);
      void turn.come.then(() => come.push(name));
      return [name, turn.end];
    }),
  );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    come: async () => {
      await settled();
      return come.splice(0);
    },
    end: (name: string) => ends.get(name)?.(),
  };
}

test("requests have their turn while their weights fit", async () => {
  const one = asking(10, ["a", "1", 4], ["b", "2", 4], ["c", "3", 4], ["d", "4", 2]);
  expect(await one.come()).toEqual(["a", "b", "d"]);
  one.end("b");
  expect(await one.come()).toEqual(["c"]);
});

test("one address has at most half of the memory, and the rest is for others", async () => {
  const one = asking(10, ["a", "1", 3], ["b", "1", 2], ["c", "1", 1], ["d", "2", 5]);
  expect(await one.come()).toEqual(["a", "b", "d"]);
  one.end("a");
  expect(await one.come()).toEqual(["c"]);
});

test("an address that holds nothing has its turn even with more than half", async () => {
  const one = asking(10, ["a", "1", 10], ["b", "1", 6]);
  expect(await one.come()).toEqual(["a"]);
  one.end("a");
  expect(await one.come()).toEqual(["b"]);
});

test("the address that holds least is next, with its lightest request", async () => {
  const one = asking(
    10,
    ["a", "1", 5],
    ["b", "2", 5],
    ["c", "3", 4],
    ["d", "3", 3],
    ["e", "4", 5],
    ["f", "1", 1],
  );
  expect(await one.come()).toEqual(["a", "b"]);
  one.end("b");
  expect(await one.come()).toEqual(["d"]);
  one.end("a");
  expect(await one.come()).toEqual(["f", "e"]);
});

test("a request is not passed for ever by lighter ones of addresses that would hold more", async () => {
  const one = asking(
    10,
    ["a", "1", 3],
    ["b", "1", 2],
    ["c", "2", 3],
    ["d", "2", 2],
    ["e", "3", 4],
    ["f", "1", 2],
    ["g", "2", 2],
  );
  expect(await one.come()).toEqual(["a", "b", "c", "d"]);
  one.end("b");
  expect(await one.come()).toEqual([]);
  one.end("d");
  expect(await one.come()).toEqual(["e"]);
});

test("a request that gives up before its turn takes nothing, and ending twice gives back once", async () => {
  const one = asking(10, ["a", "1", 10], ["b", "2", 10], ["c", "3", 10], ["d", "4", 10]);
  one.end("b");
  one.end("a");
  one.end("a");
  expect(await one.come()).toEqual(["a", "c"]);
  one.end("c");
  expect(await one.come()).toEqual(["d"]);
});
