import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ApiServer } from "../../../injector/cluster/api-server.ts";
import { AnswerTooLong } from "../../../injector/cluster/body.ts";
import { informer } from "../../../injector/cluster/informer.ts";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import type { FakeApiServer } from "../../support/fake-api-server.ts";
import {
  EXPIRED,
  holds,
  informerRig,
  messages,
  object,
  PATH,
  TIMING,
  watched,
} from "../../support/informer-rig.ts";
import { silent } from "../../support/log-lines.ts";
import { until } from "../../support/until.ts";

describe("an informer", () => {
  test("lists the objects, then follows additions, changes and deletions", async () => {
    const one = await informerRig((server) => server.put(PATH, object("a")));
    await watched(one);
    expect(one.held()).toEqual(["a=red"]);
    one.server.put(PATH, object("b"));
    one.server.put(PATH, object("a", "blue"));
    await holds(one, "a=blue", "b=red");
    one.server.remove(PATH, "b");
    await holds(one, "a=blue");
    expect(one.changes).toEqual(["a=red", "b=red", "a=blue"]);
  });

  test("reads long lists in pages, and watches from the version of the list", async () => {
    const one = await informerRig((server) => {
      for (let n = 0; n < 1200; n += 1) server.put(PATH, object(`ns-${n}`));
    });
    await watched(one);
    expect(one.held()).toHaveLength(1200);
    expect(one.server.requests).toEqual([
      `LIST ${PATH}`,
      `LIST ${PATH}`,
      `LIST ${PATH}`,
      `WATCH ${PATH} 1300`,
    ]);
  });

  test("treats the same object sent again as no change", async () => {
    const one = await informerRig((server) => server.put(PATH, object("a")));
    await watched(one);
    const [version, value] = [one.informer.version(), one.informer.get("a")];
    one.server.put(PATH, { ...object("a"), status: "of no interest" });
    one.server.put(PATH, object("b"));
    await holds(one, "a=red", "b=red");
    expect(one.informer.version()).toBe(version + 1);
    expect(one.informer.get("a")).toBe(value);
  });

  test("resumes a watch that ended or broke, without a new list", async () => {
    const one = await informerRig((server) => server.put(PATH, object("a")));
    await watched(one);
    for (const [index, how] of (["end", "reset"] as const).entries()) {
      one.server.put(PATH, object(how));
      await until(how, () => one.informer.get(how));
      await delay(TIMING.firstPauseMs);
      one.server.end(PATH, how);
      await until("the next watch", () => one.server.requests[index + 2]);
    }
    expect(one.server.requests).toEqual([
      `LIST ${PATH}`,
      `WATCH ${PATH} 101`,
      `WATCH ${PATH} 102`,
      `WATCH ${PATH} 103`,
    ]);
    expect(messages(one)).toEqual(["watch started"]);
  });

  test("resumes a watch that ends at once at growing intervals", async () => {
    const one = await informerRig((server) => server.answer(`WATCH ${PATH}`, {}));
    // Not of the fifth: on a slow machine a watch may seem to have lasted, and the intervals begin anew.
    await until("a longer interval", () => one.pauses.find((pauseMs) => pauseMs >= 40));
    expect(one.pauses[0]).toBeLessThanOrEqual(20);
    expect(one.server.requests.filter((line) => line.startsWith("LIST"))).toHaveLength(1);
  });

  test("continues from a bookmark", async () => {
    const one = await informerRig();
    await watched(one);
    one.server.say(
      PATH,
      JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "777" } } }),
    );
    await delay(TIMING.firstPauseMs);
    one.server.end(PATH, "end");
    await until("the next watch", () => one.server.requests.find((line) => line === `WATCH ${PATH} 777`));
    expect(one.held()).toEqual([]);
  });

  test.for([
    ["by an event", (server: FakeApiServer) => server.say(PATH, JSON.stringify(EXPIRED))],
    [
      "by a status",
      (server: FakeApiServer) => {
        server.answer(`WATCH ${PATH} 10`, 410);
        server.end(PATH, "end");
      },
    ],
  ] as const)(
    "lists again when the version is too old (reported %s), and drops objects that were deleted meanwhile",
    async ([, expire]) => {
      const one = await informerRig((server) => {
        server.put(PATH, object("a"));
        server.put(PATH, object("b"));
      });
      await watched(one);
      one.server.unseen.remove(PATH, "a");
      for (let n = 0; n < 10; n += 1) one.server.unseen.put(PATH, object("c", `shade-${n}`));
      expire(one.server);
      await holds(one, "b=red", "c=shade-9");
      expect(messages(one), "nothing was wrong").toEqual(["watch started"]);
    },
  );

  test("opens a new watch when the old one is silent", async () => {
    const one = await informerRig(() => {}, {}, { silenceMs: 200 });
    await watched(one);
    one.server.unseen.put(PATH, object("a"));
    await until("a second watch", () => one.server.requests.filter((line) => line.startsWith("WATCH"))[1]);
    expect(messages(one)).toEqual(["watch started"]);
  });
});

test("an informer asks for smaller pages when one is too long", async () => {
  const asked: string[] = [];
  const stopping = new AbortController();
  const api = {
    get: async (path: string): Promise<object> => {
      const [limit, from] = ["limit", "continue"].map((key) => new URLSearchParams(path.slice(2)).get(key));
      asked.push(`${limit} from ${from ?? 0}`);
      if (Number(limit) > 10) throw new AnswerTooLong();
      const next = Number(from ?? 0) + Number(limit);
      return {
        metadata: { resourceVersion: "1", ...(next < 20 ? { continue: String(next) } : {}) },
        items: [],
      };
    },
    lines: () => Promise.reject((stopping.abort(), new Error("the test is over"))),
  };
  const kind = { resource: "things", path: "/", cut: (): string => "" };
  const deps = { api: api as unknown as ApiServer, log: silent, clock: systemClock };
  await informer(kind, deps).run(stopping.signal);
  expect(asked).toEqual(["500 from 0", "63 from 0", "8 from 0", "8 from 8", "8 from 16"]);
});
