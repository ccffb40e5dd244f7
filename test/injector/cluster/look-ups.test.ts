import { describe, expect, test } from "vitest";
import { lookUps, TooManyLookUps } from "../../../injector/cluster/look-ups.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";
import { until } from "../../support/until.ts";
import { account, ACCOUNTS, gets, namespace, NAMESPACES, ready, refusal, rig } from "./kubernetes-rig.ts";

const LIMITS = { atOnce: 3, perSecond: 8, perSecondOfGroup: 4, absentMs: 1000 };
const found = async () => "found";

/** How many of so many look-ups are refused. */
async function refusedOf(count: number, one: (n: number) => Promise<unknown>): Promise<number> {
  const before = await Promise.allSettled(Array.from({ length: count }, (_, n) => one(n)));
  return before.filter((each) => each.status === "rejected" && each.reason instanceof TooManyLookUps).length;
}

describe("look-ups are limited", () => {
  test("at once", async () => {
    const looking = lookUps(handClock(), LIMITS);
    expect(await refusedOf(5, (n) => looking.one(`/${n}`, `${n}`, found, false))).toBe(2);
    expect(looking.refused()).toBe(2);
    expect(await looking.one("/x", "x", found, false)).toBe("found");
  });

  test("in a second, for each group and in all, also where each fails", async () => {
    const clock = handClock();
    const looking = lookUps(clock, { ...LIMITS, atOnce: 100 });
    const failing = () => Promise.reject(new Error("x"));
    expect(await refusedOf(6, (n) => looking.one(`/a/${n}`, "a", failing, false))).toBe(2);
    expect(await refusedOf(6, (n) => looking.one(`/b/${n}`, "b", found, false))).toBe(2);
    expect(await refusedOf(3, (n) => looking.one(`/c/${n}`, "c", found, false))).toBe(3);
    await clock.advance(500);
    expect(await refusedOf(3, (n) => looking.one(`/c/${n}`, "c", found, false))).toBe(0);
    expect(await refusedOf(3, (n) => looking.one(`/a/${n}`, "a", found, false))).toBe(2);
  });
});

test("an absence is remembered for a second, where the caller allows it, and nothing else is", async () => {
  const clock = handClock();
  const looking = lookUps(clock, { ...LIMITS, perSecond: 100, perSecondOfGroup: 100 });
  let reads = 0;
  const absent = async () => ((reads += 1), undefined);
  await looking.one("/a", "g", absent, true);
  await looking.one("/a", "g", absent, true);
  expect(reads).toBe(1);
  expect(await looking.one("/a", "g", found, false), "an account is read again").toBe("found");
  await looking.one("/b", "g", absent, true);
  await clock.advance(1000);
  expect(await looking.one("/b", "g", found, true), "a second later it is read again").toBe("found");
  await expect(looking.one("/c", "g", () => Promise.reject(new Error("x")), true)).rejects.toThrow("x");
  expect(await looking.one("/c", "g", found, true), "a failure is no absence").toBe("found");
});

describe("forged reviews", () => {
  test("that name unknown namespaces send few requests, and do not keep a real pod of a new account waiting", async () => {
    const one = await ready(await rig());
    const forged = await Promise.all(Array.from({ length: 200 }, (_, n) => refusal(one, `forged-${n}`, "x")));
    expect(new Set(forged.map(({ code }) => code))).toEqual(new Set(["FACTS_UNAVAILABLE"]));
    expect(forged.at(-1)?.message).toBe("podrole is looking up too many namespaces and service accounts.");
    expect(gets(one).length).toBeLessThanOrEqual(10);
    expect(gets(one).filter((line) => line.includes("serviceaccounts"))).toEqual([]);
    expect(one.cluster.refusedLookUps()).toBe(200 - gets(one).length);
    one.server.unseen.put(`${NAMESPACES}/shop/serviceaccounts`, account("young"));
    expect(await one.cluster.facts("shop", "young")).toMatchObject({ namespace: { name: "shop" } });
  });

  test("that name one namespace again and again ask for it once a second", async () => {
    const one = await ready(await rig());
    for (let n = 0; n < 20; n += 1) {
      expect((await refusal(one, "nowhere")).message).toBe('The API server has no namespace "nowhere".');
    }
    expect(gets(one).length).toBeLessThan(5);
    one.server.put(NAMESPACES, namespace("nowhere"));
    await until("the watch", () => one.cluster.facts("nowhere", "default").catch(() => undefined));
  });

  test.for(["", "..", "a/b", "A", "x".repeat(300), "a\nb", "a b"])(
    "that name the namespace %j ask nothing, and their text is not repeated",
    async (name) => {
      const { log, lines } = logLines();
      const one = await ready(await rig(() => {}, log));
      expect((await refusal(one, name)).message).toBe(
        "The review's namespace is not a name that a namespace can have.",
      );
      expect(gets(one)).toEqual([]);
      expect(lines.filter(({ level }) => level > 30)).toEqual([]);
    },
  );

  test("with accounts of one known namespace leave look-ups for those of others", async () => {
    const one = await ready(await rig((server) => server.put(NAMESPACES, namespace("till"))));
    await Promise.allSettled(Array.from({ length: 200 }, (_, n) => one.cluster.facts("shop", `forged-${n}`)));
    expect(gets(one).length).toBeLessThanOrEqual(10);
    one.server.put(ACCOUNTS, account("young"));
    expect(await one.cluster.facts("till", "new")).toMatchObject({ namespace: { name: "till" } });
  });
});
