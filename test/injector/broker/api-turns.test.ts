import { expect, test } from "vitest";
import { apiTurns } from "../../../injector/broker/api-turns.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = () => new Promise<never>(() => undefined);

test("so many requests are under way at once, half of them of one address, and others wait", async () => {
  const turns = apiTurns(handClock(), 4);
  const begun: string[] = [];
  const ends = ["a", "a", "a", "b", "b", "b"].map((address) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ran = turns.run(address, async () => {
      begun.push(address);
      await promise;
    });
    return { resolve, ran };
  });
  await settled();
  expect(begun).toEqual(["a", "a", "b", "b"]);
  for (const { resolve } of ends) resolve();
  await Promise.all(ends.map(({ ran }) => ran));
  expect(begun).toEqual(["a", "a", "b", "b", "a", "b"]);
});

test("who has waited for two seconds is told to come again, and takes no turn", async () => {
  const clock = handClock();
  const turns = apiTurns(clock, 1);
  void turns.run("a", never);
  let isBegun = false;
  const late = thrown(() => turns.run("b", async () => void (isBegun = true)));
  await clock.advance(2000);
  expect(await late).toMatchObject({ code: "BROKER_BUSY", kind: "throttled", retryAfterSeconds: 2 });
  expect(isBegun).toBe(false);
});

test("a request that fails gives its turn back", async () => {
  const turns = apiTurns(handClock(), 1);
  await expect(turns.run("a", () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  expect(await turns.run("a", async () => "y")).toBe("y");
});
