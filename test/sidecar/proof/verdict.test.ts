import { describe, expect, test } from "vitest";
import type { Outcome } from "../../../sidecar/proof/ask.ts";
import { CREDENTIALS, TOKEN } from "../../../sidecar/proof/questions.ts";
import { verdictOf, type Tried } from "../../../sidecar/proof/verdict.ts";
import type { Way } from "../../../sidecar/proof/way.ts";

const PUT = "PUT /latest/api/token";
const GET = "GET /latest/meta-data/iam/security-credentials/";
const WAIT_MS = 2000;

const refused = (code: string): Outcome => ({ kind: "refused", code });
const silent: Outcome = { kind: "silent" };
const closed: Outcome = { kind: "closed" };
const unanswered: Outcome = { kind: "unanswered", ms: WAIT_MS - 1 };
const answered = (status: number): Outcome => ({ kind: "answered", line: { kind: "whole", status } });
const half: Outcome = { kind: "answered", line: { kind: "part", status: 401 } };
const firstBytes: Outcome = { kind: "answered", line: { kind: "part" } };
const foreign: Outcome = { kind: "answered", line: { kind: "foreign" } };

const put = (outcome: Outcome): Tried => ({ question: TOKEN, outcome });
const get = (outcome: Outcome): Tried => ({ question: CREDENTIALS, outcome });
const all = (outcome: Outcome): readonly Tried[] => [put(outcome), put(outcome), get(outcome), get(outcome)];
const two = (token: Outcome, credentials: Outcome): readonly Tried[] =>
  [token, token].map(put).concat([credentials, credentials].map(get));

const judged = (tried: readonly Tried[], way: Way = { kind: "only" }) =>
  verdictOf({ address: "192.0.2.1", port: 80, waitMs: WAIT_MS }, tried, way);

const says = (kind: string, words: string) => ({
  address: "192.0.2.1",
  kind,
  said: `192.0.2.1 port 80 ${words}`,
});

describe("the address is held when", () => {
  test.each<[string, readonly Tried[], string]>([
    ["a firewall rejects", all(refused("ECONNREFUSED")), "refused the connection"],
    ["a router prohibits it", all(refused("EACCES")), "is out of reach (EACCES)"],
    ["a program of the kernel forbids it", all(refused("EPERM")), "is out of reach (EPERM)"],
    ["a router says that there is no host", all(refused("EHOSTUNREACH")), "is out of reach (EHOSTUNREACH)"],
    ["a router has no route", all(refused("ENETUNREACH")), "is out of reach (ENETUNREACH)"],
    ["the kernel has no such family", all(refused("EAFNOSUPPORT")), "is out of reach (EAFNOSUPPORT)"],
    ["packets are dropped", all(silent), "was silent"],
    ["the kernel gives up waiting", all(refused("ETIMEDOUT")), "was silent"],
    [
      "a firewall limits how often it rejects",
      two(refused("ECONNREFUSED"), silent),
      "refused the connection and was silent",
    ],
    [
      "the hop limit is 1 and tokens are required",
      two(unanswered, answered(401)),
      `left ${PUT} without an answer and refused ${GET} with 401`,
    ],
    [
      "PUT is reset and tokens are required",
      two(closed, answered(401)),
      `left ${PUT} without an answer and refused ${GET} with 401`,
    ],
    [
      "each connection is closed without a byte",
      all(closed),
      `left ${PUT} without an answer and left ${GET} without an answer`,
    ],
  ])("%s", (_, tried, words) => {
    expect(judged(tried)).toEqual(says("held", words));
  });

  test.each(["ENETUNREACH", "EADDRNOTAVAIL"])("the pod has no address of its family (%s)", (code) => {
    expect(judged(all(refused(code)), { kind: "none" })).toEqual(says("held", `is out of reach (${code})`));
  });
});

describe("the address is reachable when", () => {
  test.each<[string, readonly Tried[], string]>([
    ["a token is had", two(answered(200), answered(401)), `answered ${PUT} with 200`],
    ["a token is refused in so many words", two(answered(403), answered(401)), `answered ${PUT} with 403`],
    ["PUT gets a first byte", two(firstBytes, answered(401)), `began to answer ${PUT}`],
    ["PUT gets what is not HTTP", two(foreign, answered(401)), `answered ${PUT} with what is not HTTP`],
    ["PUT is refused with 401", two(answered(401), answered(401)), `answered ${PUT} with 401`],
    ["no token is required (IMDSv1)", two(unanswered, answered(200)), `answered ${GET} with 200`],
    ["no token is required and there is no role", two(unanswered, answered(404)), `answered ${GET} with 404`],
    ["GET is redirected", two(unanswered, answered(302)), `answered ${GET} with 302`],
    ["GET is forbidden", two(unanswered, answered(403)), `answered ${GET} with 403`],
    ["GET fails", two(unanswered, answered(503)), `answered ${GET} with 503`],
    ["GET is told to go on", two(unanswered, answered(100)), `answered ${GET} with 100`],
    ["GET gets half an answer", two(unanswered, half), `began to answer ${GET} with 401`],
    ["GET gets a first byte", two(unanswered, firstBytes), `began to answer ${GET}`],
    ["GET gets what is not HTTP", two(unanswered, foreign), `answered ${GET} with what is not HTTP`],
    ["one PUT of two is answered", [put(unanswered), put(answered(200))], `answered ${PUT} with 200`],
    [
      "one connection of four opens and is answered",
      [put(refused("ECONNREFUSED")), get(silent), put(refused("EMFILE")), get(answered(200))],
      `answered ${GET} with 200`,
    ],
  ])("%s", (_, tried, words) => {
    expect(judged(tried)).toEqual(says("reachable", words));
  });
});

describe("nothing is proven when", () => {
  test.each<[string, readonly Tried[], string]>([
    [
      "the service is slow, so that GET is left without an answer as well",
      two(unanswered, unanswered),
      `accepted a connection and did not answer ${GET} in time`,
    ],
    [
      "the connection opened when the time was nearly over",
      two({ kind: "unanswered", ms: WAIT_MS / 2 - 1 }, answered(401)),
      "accepted a connection too late for an answer",
    ],
    [
      "some connections open and others are refused",
      [put(unanswered), put(refused("ECONNREFUSED")), get(answered(401)), get(answered(401))],
      "accepted 3 of 4 connections",
    ],
    [
      "some connections open and others are silent",
      [put(silent), put(silent), get(silent), get(closed)],
      "accepted 1 of 4 connections",
    ],
    ["the process has no descriptor left", all(refused("EMFILE")), "could not be tried (EMFILE)"],
    ["the kernel has no buffer left", all(refused("ENOBUFS")), "could not be tried (ENOBUFS)"],
    ["the pod has no port left", all(refused("EADDRNOTAVAIL")), "could not be tried (EADDRNOTAVAIL)"],
    ["the interface is down", all(refused("ENETDOWN")), "could not be tried (ENETDOWN)"],
    ["the error is an unknown one", all(refused("UNKNOWN")), "could not be tried (UNKNOWN)"],
    [
      "the question could not be sent",
      two({ kind: "failed", code: "ENOBUFS" }, answered(401)),
      `could not be asked ${PUT} (ENOBUFS)`,
    ],
  ])("%s", (_, tried, words) => {
    expect(judged(tried)).toEqual(says("unproven", words));
  });

  test.each<[string, readonly Tried[], string]>([
    ["is refused", all(refused("EINVAL")), "is out of reach (EINVAL)"],
    ["is silent", all(silent), "was silent"],
    [
      "has a hop limit of 1",
      two(unanswered, answered(401)),
      `left ${PUT} without an answer and refused ${GET} with 401`,
    ],
  ])("the address %s, and other programs can get there in another way", (_, tried, words) => {
    const way = { kind: "one of several", said: "over one interface" } as const;
    expect(judged(tried, way)).toEqual(says("unproven", `${words} over one interface`));
  });
});
