import * as fc from "fast-check";
import { expect, test } from "vitest";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import { applied, intrusions, withoutAdditions } from "../../support/additions.ts";
import { json } from "../../support/facts.ts";
import { throughApiServer, TOKEN } from "../../support/pods.ts";
import { pods } from "./arbitraries.ts";
import { afterPass, OTHER_TOKEN, pass, settings } from "./settings.ts";
import { overreach } from "./untouched.ts";

/** Properties of every pod. A failure prints the seed and path that reproduce its counterexample. */

test("generated pods cover all outcomes: many are injected, some are denied", () => {
  const outcomes = fc
    .sample(fc.tuple(pods, settings), { numRuns: 400, seed: 1 })
    .map((args) => pass(...args, TOKEN));
  const injected = outcomes.filter((outcome) => outcome.kind === "inject");
  expect(injected.length).toBeGreaterThan(100);
  expect(outcomes.filter(({ kind }) => kind === "deny").length).toBeGreaterThan(30);
  const identities = injected.map(({ sidecar }) => sidecar?.identities.length ?? 0);
  expect(identities.filter((count) => count === 1).length).toBeGreaterThan(30);
  expect(identities.filter((count) => count > 1).length).toBeGreaterThan(20);
  const emulated = injected.filter(({ after }) => JSON.stringify(after).includes('"PODROLE_IMDS"'));
  expect(emulated.length).toBeGreaterThan(5);
});

test("the patch only adds to the pod, and undoing it restores the pod byte for byte", () => {
  fc.assert(
    fc.property(pods, settings, (object, name) => {
      const text = JSON.stringify(object);
      const outcome = pass(object, name, TOKEN);
      expect(JSON.stringify(object)).toBe(text);
      if (outcome.kind !== "inject") return;
      const { before, after } = outcome;
      const patch = patchBetween(before, after);
      expect(applied(before, patch)).toEqual(after);
      expect(intrusions(before, patch)).toEqual([]);
      expect(withoutAdditions(before, after)).toBe(text);
      expect(overreach(before, applied(before, patch))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("a second pass changes nothing, with or without the API server's round trip in between", () => {
  fc.assert(
    fc.property(pods, settings, (object, name) => {
      const after = afterPass(object, name, TOKEN);
      if (after === undefined) return;
      expect(afterPass(after, name, OTHER_TOKEN)).toEqual(after);
      const settled = throughApiServer(after);
      const again = afterPass(settled, name, OTHER_TOKEN);
      expect(again && patchBetween(settled, again)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test.for([
  ["a label", '"app":"web"', '"app":"evil"'],
  ["an image", "shop/app:1", "shop/app:2"],
  ["a removed field", ',"future":{"a":1}', ""],
  ["an unknown field", '"future"', '"past"'],
  ["a value of the user's", '"value":"x"', '"value":"y"'],
  ["a field in another place", '"name":"A","value":"x"', '"value":"x","name":"A"'],
  ["a capability that is no longer dropped", '"drop":["MKNOD",', '"drop":['],
  ["another variable", '"env":[', '"env":[{"name":"B"},'],
  ["another container", '"containers":[', '"containers":[{"name":"b"},'],
] as const)("the check finds every change that is not an addition: %s", ([, from, to]) => {
  const user = {
    name: "app",
    image: "shop/app:1",
    env: [{ name: "A", value: "x" }],
    securityContext: { capabilities: { drop: ["MKNOD"] } },
    future: { a: 1 },
  };
  const object = { metadata: { labels: { app: "web" } }, spec: { containers: [user] } };
  const text = JSON.stringify(afterPass(object, "as they come", TOKEN));
  expect(overreach(object, json(text))).toEqual([]);
  expect(text).toContain(from);
  expect(overreach(object, json(text.replace(from, to)))).not.toEqual([]);
});
