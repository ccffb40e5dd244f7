import { expect, test } from "vitest";
import { apiTurns } from "../../../injector/broker/api-turns.ts";
import { podReader } from "../../../injector/broker/pod-record.ts";
import { apiServer } from "../../../injector/cluster/api-server.ts";
import { fakeApiServer, type FakeApiServer } from "../../support/fake-api-server.ts";
import { handClock } from "../../support/hand-clock.ts";
import { CALLER } from "../../support/pod-token.ts";
import { thrown } from "../../support/thrown.ts";

const PODS = "/api/v1/namespaces/shop/pods";
const GET = `GET ${PODS}/web-0`;
const NOW_AND_LATER = { ...CALLER, expiresAt: Infinity };

async function rig() {
  const server = await fakeApiServer();
  const clock = handClock();
  const read = podReader({
    api: apiServer(server.config),
    turns: apiTurns(clock),
    signal: new AbortController().signal,
  });
  return { server, read: () => read(NOW_AND_LATER, "10.0.0.1") };
}

const put = (server: FakeApiServer, metadata: object = {}, status: object = {}): void =>
  server.answer(GET, { metadata: { name: "web-0", uid: CALLER.podUid, ...metadata }, status });

test("the pod's annotations and addresses are read anew each time", async () => {
  const { server, read } = await rig();
  put(server, { annotations: { a: "b" } }, { podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] });
  expect(await read()).toEqual({ annotations: { a: "b" }, podIps: ["10.0.0.1", "fd00::1"] });
  put(server, { annotations: { a: "c" } });
  expect(await read()).toEqual({ annotations: { a: "c" }, podIps: [] });
  expect(server.requests).toEqual([GET, GET]);
});

test("a pod that is being deleted is still served", async () => {
  const { server, read } = await rig();
  put(server, { deletionTimestamp: "2026-11-29T12:00:00Z" }, { phase: "Running" });
  expect((await read()).podIps).toEqual([]);
});

test.for([
  ["does not exist", undefined, /does not exist any more/],
  ["was made again under its name", { metadata: { name: "web-0", uid: "other" } }, /was replaced/],
  ["has succeeded", { metadata: { uid: CALLER.podUid }, status: { phase: "Succeeded" } }, /has ended/],
  ["has failed", { metadata: { uid: CALLER.podUid }, status: { phase: "Failed" } }, /has ended/],
  ["is no object", { metadata: [] }, /was replaced/],
] as const)("a pod that %s is gone", async ([, answer, says]) => {
  const { server, read } = await rig();
  server.answer(GET, answer);
  const error = await thrown(read);
  expect(error).toMatchObject({ code: "POD_GONE", kind: "definite" });
  expect(error.message).toMatch(says);
});

test.for([
  ["forbids it", 403, /HTTP 403/],
  ["is overloaded", 429, /HTTP 429/],
  ["breaks off", "reset", /socket hang up/],
  ["has a pod of two megabytes", { metadata: { uid: "x".repeat(2 * 1024 * 1024) } }, /longer than 1 MiB/],
] as const)("nothing is decided if the API server %s", async ([, answer, says]) => {
  const { server, read } = await rig();
  server.answer(GET, answer);
  const error = await thrown(read);
  expect(error).toMatchObject({ code: "FACTS_UNAVAILABLE", kind: "passing" });
  expect(error.message).toMatch(says);
});
