import { expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { finding } from "../../../injector/model/findings.ts";
import type { AnsweredReview } from "../../../injector/review/admission-result.ts";
import { decided, denied, HOST_PID, OWNED } from "./events-fixtures.ts";
import { eventsRig } from "./events-rig.ts";

const about = (name: string, namespace = "shop"): AnsweredReview =>
  denied([HOST_PID], { namespace, object: { metadata: { name } } });
const many = (count: number, namespace = "shop"): readonly AnsweredReview[] =>
  Array.from({ length: count }, (_, index) => about(`web-${index}`, namespace));
const minutes = (count: number): number => count * 60_000;

test("a denied pod of a ReplicaSet leaves an Event on the ReplicaSet", async () => {
  const { observe, posts, results } = eventsRig();
  await observe(denied([HOST_PID], { object: OWNED }));
  expect(posts).toEqual([
    {
      path: "/apis/events.k8s.io/v1/namespaces/shop/events",
      object: {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { generateName: "podrole-", namespace: "shop" },
        type: "Warning",
        reason: "PodDenied",
        action: "Admission",
        note: "[HOST_NAMESPACE] The pod uses hostPID. Take it off.",
        regarding: {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          namespace: "shop",
          name: "web-5d5f",
          uid: "u-1",
        },
        reportingController: "podrole.dev/injector",
        reportingInstance: "injector-7f9c",
        eventTime: "2026-11-21T12:00:00.000000Z",
      },
    },
  ]);
  expect(results).toEqual(["created"]);
});

test("nothing is written while a decision is still being observed", () => {
  const { recorder, posts } = eventsRig();
  recorder.observe(about("web"));
  expect(posts).toEqual([]);
});

test("nothing is written of a dry run, or of a pod that went as wished", async () => {
  const { observe, posts } = eventsRig();
  await observe(denied([HOST_PID], { dryRun: true }), decided());
  expect(posts).toEqual([]);
});

test("a controller that tries again and again leaves one Event in five minutes, then one with the count", async () => {
  const { observe, clock, posts } = eventsRig();
  for (let tries = 0; tries < 10; tries += 1) {
    await observe(about("web"));
    await clock.advance(minutes(0.5));
  }
  expect(posts.map(({ object }) => object["series"])).toEqual([undefined]);
  await observe(about("web"));
  expect(posts.at(1)?.object).toMatchObject({
    eventTime: "2026-11-21T12:00:00.000000Z",
    series: { count: 11, lastObservedTime: "2026-11-21T12:05:00.000000Z" },
  });
});

test("what comes back after five quiet minutes is a new story", async () => {
  const { observe, clock, posts } = eventsRig();
  await observe(about("web"), about("web"));
  await clock.advance(minutes(6));
  await observe(about("web"));
  expect(posts).toHaveLength(2);
  expect(posts.at(1)?.object).toMatchObject({ eventTime: "2026-11-21T12:06:00.000000Z" });
  expect(posts.at(1)?.object).not.toHaveProperty("series");
});

test("another object, another namespace or another reason is another Event", async () => {
  const { observe, posts } = eventsRig();
  const privileged = finding("PRIVILEGED", "Container app is privileged.", "Take privileged off.");
  const other = denied([privileged], { object: { metadata: { name: "web" } } });
  await observe(about("web"), about("db"), about("web", "bank"), other, about("web"));
  expect(posts).toHaveLength(4);
});

test("fifty are written at once, then five a second", async () => {
  const { observe, clock, posts } = eventsRig();
  await observe(...many(40), ...many(40, "bank"));
  expect(posts).toHaveLength(50);
  await clock.advance(1000);
  expect(posts).toHaveLength(55);
  await clock.advance(10_000);
  expect(posts).toHaveLength(80);
});

test("a namespace in which everything is denied does not keep the others from being told", async () => {
  const { observe, clock, posts, results } = eventsRig();
  await observe(...many(10_000), about("web", "bank"));
  expect(results.filter((result) => result === "dropped")).toHaveLength(10_000 - 51);
  await clock.advance(10_000);
  expect(posts.filter(({ path }) => path.includes("/bank/"))).toHaveLength(1);
});

test("what was dropped is told when it is due again, with how often it was", async () => {
  const { observe, clock, posts } = eventsRig();
  await observe(...many(60));
  await clock.advance(1000);
  await observe(about("web-59"));
  expect(posts.at(-1)?.object).toMatchObject({
    regarding: { name: "web-59" },
    series: { count: 2, lastObservedTime: "2026-11-21T12:00:01.000000Z" },
  });
});

test("Events that cannot be written are counted, logged once, and tried again when they are due again", async () => {
  const { observe, posts, lines, results, state } = eventsRig();
  state.failure = new Refusal(403, 'User "injector" cannot create resource "events"');
  await observe(about("web"), about("db"), about("web"));
  expect(results).toEqual(["failed", "failed"]);
  expect(lines.map(({ msg, ["why"]: why, ["said"]: said }) => [msg, why, said])).toEqual([
    ["events not written", "HTTP 403", 'User "injector" cannot create resource "events"'],
  ]);
  state.failure = undefined;
  await observe(about("web"));
  expect(posts.at(-1)?.object).toMatchObject({ series: { count: 3 } });
  expect(results.at(-1)).toBe("created");
  expect(lines.map(({ msg }) => msg)).toEqual(["events not written", "events written again"]);
});

test("what the API server says of an Event it does not like is not logged: it may repeat the note", async () => {
  const { observe, lines, state } = eventsRig();
  state.failure = new Refusal(422, 'note: Invalid value: "hunter2"');
  await observe(about("web"));
  expect(JSON.stringify(lines)).not.toContain("hunter2");
  expect(lines).toMatchObject([{ msg: "events not written", why: "HTTP 422" }]);
});

test("stopped, it writes nothing more and waits for nothing", async () => {
  const { observe, clock, recorder, posts } = eventsRig();
  await observe(...many(50), ...many(50, "bank"));
  await recorder.stop();
  await observe(about("late"));
  await clock.advance(minutes(1));
  expect(posts).toHaveLength(50);
});

test("a clock that is set back holds nothing up", async () => {
  const { observe, clock, posts } = eventsRig();
  await observe(...many(30), ...many(30, "bank"));
  clock.jump(-minutes(60));
  await clock.advance(10_000);
  expect(posts).toHaveLength(60);
});
