import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  EXPIRED,
  holds,
  informerRig,
  listed,
  messages,
  object,
  PATH,
  TIMING,
  watched,
} from "../../support/informer-rig.ts";
import type { FakeApiServer } from "../../support/fake-api-server.ts";
import { until } from "../../support/until.ts";

test("an informer knows when the API server last sent something, and nothing else changes that time", async () => {
  const one = await informerRig((server) => server.put(PATH, object("a")));
  await until("the watch's answer", () => one.informer.problem() === undefined || undefined);
  const before = one.informer.heardAt();
  await delay(30);
  expect(one.informer.heardAt()).toBe(before);
  one.server.put(PATH, object("b"));
  await holds(one, "a=red", "b=red");
  const heard = one.informer.heardAt();
  expect([heard > before, one.informer.size()]).toEqual([true, 2]);
  await one.server.stop();
  await until("the loss to be noticed", () => one.informer.problem());
  await delay(200);
  expect(one.informer.heardAt()).toBe(heard);
});

describe("an informer in trouble", () => {
  test("keeps its objects while the API server is away, and then applies what has changed", async () => {
    const one = await informerRig((server) => {
      server.put(PATH, object("a"));
      server.put(PATH, object("b"));
    });
    await watched(one);
    await one.server.stop();
    await until("the loss to be noticed", () => one.informer.problem());
    expect(one.held()).toEqual(["a=red", "b=red"]);
    expect(one.informer.listed()).toBe(true);
    one.server.unseen.remove(PATH, "a");
    one.server.unseen.put(PATH, object("c"));
    await delay(300);
    await one.server.start();
    await holds(one, "b=red", "c=red");
    await until("the line that it follows again", () => one.lines[2]);
    expect(messages(one)).toEqual(["watch started", "watch failed", "watch started"]);
    expect(one.lines[1]).toMatchObject({ why: expect.stringContaining("ECONNREFUSED"), stale: true });
  });

  test.for([403, 500, "reset", "hang", { kind: "NamespaceList" }, { items: [{}] }] as const)(
    "repeats a list that fails with %o at growing intervals, and logs that once",
    async (answer) => {
      const prepare = (server: FakeApiServer): void => {
        server.put(PATH, object("a"));
        server.answer(`LIST ${PATH}`, answer);
      };
      const one = await informerRig(prepare, {}, answer === "hang" ? { listMs: 200 } : {});
      const tries = answer === "hang" ? 2 : 5;
      await until("some tries", () => one.pauses[tries - 1]);
      expect(one.informer.listed()).toBe(false);
      expect(messages(one)).toEqual(["watch failed"]);
      for (const [index, most] of [20, 40, 80, 80, 80].slice(0, tries).entries()) {
        expect(one.pauses[index]).toBeGreaterThanOrEqual(most / 2);
        expect(one.pauses[index]).toBeLessThanOrEqual(most);
      }
      one.server.answer(`LIST ${PATH}`, undefined);
      await holds(one, "a=red");
      await until("the second line", () => one.lines[1]);
      expect(messages(one)).toEqual(["watch failed", "watch started"]);
    },
  );

  test("logs the reason in the API server's words, and no other bodies", async () => {
    const one = await informerRig((server) => server.answer(`LIST ${PATH}`, 403));
    await until("the line", () => one.lines[0]);
    expect(one.lines[0]).toMatchObject({ why: "HTTP 403", said: "said with 403", stale: false });
  });

  test("has read everything but reports that it does not follow when it may list but not watch", async () => {
    const one = await informerRig((server) => {
      server.put(PATH, object("a"));
      server.answer(`WATCH ${PATH}`, 403);
    });
    await listed(one);
    await until("a pause", () => one.pauses[3]);
    one.server.unseen.put(PATH, object("b"));
    await holds(one, "a=red", "b=red");
    expect(messages(one)).toEqual(["watch failed"]);
  });

  test.for(["no JSON", "[]", '{"type":"ADDED"}', '{"type":"ADDED","object":{"metadata":{}}}'])(
    "lists again after a line that it cannot read: %s",
    async (line) => {
      const one = await informerRig((server) => server.put(PATH, object("a")));
      await watched(one);
      one.server.unseen.put(PATH, object("b"));
      one.server.say(PATH, line);
      expect(await holds(one, "a=red", "b=red")).toBe(true);
    },
  );

  test("does not use an incomplete list", async () => {
    const one = await informerRig((server) => {
      for (let n = 0; n < 600; n += 1) server.put(PATH, object(`ns-${n}`));
    });
    await watched(one);
    const version = one.informer.version();
    // The first page contains a change and lacks one object; the second page never arrives.
    const page = { metadata: { resourceVersion: "1", continue: "500" }, items: [object("ns-1", "blue")] };
    one.server.answer(`LIST ${PATH}`, page);
    one.server.say(PATH, JSON.stringify(EXPIRED));
    await until("the list", () => one.server.requests.filter((line) => line.startsWith("LIST"))[3]);
    expect(one.held()).toHaveLength(600);
    expect(one.informer.get("ns-1")).toBe("ns-1=red");
    expect(one.informer.version()).toBe(version);
  });

  test("stops at once in every state, and leaves nothing open", async () => {
    for (const answer of ["hang", 500, undefined] as const) {
      const one = await informerRig((server) => server.answer(`LIST ${PATH}`, answer));
      await until("a request", () => one.server.requests[0]);
      await delay(10);
      // Every wait would take two minutes.
      await one.stop();
      // A request that was sent before the stop can arrive after it.
      await delay(100);
      const { length } = one.server.requests;
      await delay(100);
      expect(one.server.requests).toHaveLength(length);
      expect(one.server.watches(PATH)).toBe(0);
    }
  });
});

describe("an informer of a CRD that may be missing", () => {
  const CRD = "/apis/podrole.dev/v1alpha1/rolegrants";
  const optional = { path: CRD, resource: "rolegrants", optional: true };

  test("holds nothing without the CRD, and finds objects when the CRD is installed", async () => {
    const one = await informerRig(() => {}, optional);
    await listed(one);
    expect(one.held()).toEqual([]);
    await until("a look", () => one.pauses[1]);
    expect(one.pauses[1]).toBe(TIMING.absentMs);
    expect(messages(one)).toEqual(["not installed"]);
    one.server.put(CRD, object("g"));
    await holds(one, "g=red");
    await until("the second line", () => one.lines[1]);
    expect(messages(one)).toEqual(["not installed", "watch started"]);
  });

  test("keeps its objects after one 404, which an API server may send while it starts", async () => {
    const one = await informerRig((server) => server.put(CRD, object("g")), optional);
    await watched(one, CRD);
    one.server.answer(`LIST ${CRD}`, 404);
    one.server.say(CRD, JSON.stringify(EXPIRED));
    await until("the first 404", () => one.informer.problem());
    expect(one.held()).toEqual(["g=red"]);
    await holds(one);
  });
});
