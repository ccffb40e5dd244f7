import * as fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { pino } from "pino";
import { afterAll, describe, expect, test } from "vitest";
import type { Operation } from "../../../injector/mutate/patch.ts";
import { isRecord, type Fields } from "../../../injector/model/read.ts";
import { buildServer } from "../../../injector/serve/server.ts";
import { config } from "../../support/config.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { FRESH } from "../../support/pods.ts";
import { malformed, reviews } from "./reviews.ts";
import { operationsOf, problemsOf } from "./strict-review.ts";

/** The webhook as the API server sees it: it answers every review with a decision, and everything else with a 4xx. */

const lines: string[] = [];
const app = buildServer({
  config: () => config({ workloads: "deny" }),
  cluster: clusterOf(facts()),
  fresh: FRESH,
  log: pino({ level: "trace" }, { write: (line: string) => void lines.push(line) }),
});
afterAll(() => app.close());

const post = async (
  payload: string,
): Promise<{ readonly status: number; readonly type: unknown; readonly body: Fields }> => {
  const headers = { "content-type": "application/json" };
  const answer = await app.inject({ method: "POST", url: "/mutate", headers, payload });
  const body: unknown = JSON.parse(answer.body);
  return {
    status: answer.statusCode,
    type: answer.headers["content-type"],
    body: isRecord(body) ? body : {},
  };
};

describe("every review", () => {
  test("is answered with a valid AdmissionReview, whose patch can be applied", async () => {
    const decided = { patched: 0, refused: 0, let: 0 };
    await fc.assert(
      fc.asyncProperty(reviews, async ({ uid, object, body }) => {
        const answer = await post(body);
        expect(answer.status).toBe(200);
        expect(answer.type).toMatch(/^application\/json/);
        expect(problemsOf(answer.body, uid)).toEqual([]);
        const operations = operationsOf(answer.body) as readonly Operation[];
        // In place, because some of these objects are too deep to copy.
        jsonPatch.applyPatch(JSON.parse(object), operations, true, true, false);
        const { allowed } = answer.body["response"] as { readonly allowed: boolean };
        decided[operations.length > 0 ? "patched" : allowed ? "let" : "refused"] += 1;
      }),
      { numRuns: 500 },
    );
    for (const count of Object.values(decided)) expect(count).toBeGreaterThan(20);
  });

  test("changes no prototype and logs no error", () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect({}).not.toHaveProperty("x");
    expect(lines.filter((line) => /"level":(?:50|60)/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.length > 3000)).toEqual([]);
  });
});

test("a body that is no review is answered with a 4xx, a code and a sentence", async () => {
  await fc.assert(
    fc.asyncProperty(malformed, async (text) => {
      const { status, body } = await post(text);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(Object.keys(body).toSorted()).toEqual(["code", "message"]);
    }),
    { numRuns: 300 },
  );
});
