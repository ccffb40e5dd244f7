import { expect, test } from "vitest";
import { unreadiness, type ReadinessDeps } from "../../../injector/broker/readiness.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";

const trouble = (code: string) => ({ code, message: "no" });
const deps = (over: Partial<ReadinessDeps> = {}): ReadinessDeps => ({
  draining: () => false,
  factsRead: () => true,
  settings: () => undefined,
  certificate: () => undefined,
  identity: { isHeld: () => true, problem: () => undefined },
  ...over,
});

test("a broker that has everything is ready", () => {
  expect(unreadiness(deps())()).toBeUndefined();
});

const LACKING: readonly (readonly [string, Partial<ReadinessDeps>])[] = [
  ["DRAINING", { draining: () => true }],
  ["CONFIG_MISSING", { settings: () => trouble("CONFIG_MISSING"), factsRead: () => false }],
  ["FACTS_UNAVAILABLE", { factsRead: () => false }],
  ["TLS_NOT_LOADED", { certificate: () => trouble("TLS_NOT_LOADED") }],
  ["BROKER_IDENTITY_UNAVAILABLE", { identity: { isHeld: () => false, problem: () => undefined } }],
];

test.for(LACKING)("it is not ready, and says why: %s", ([code, over]) => {
  expect(unreadiness(deps(over))()?.code).toBe(code);
});

test("why there is no identity is STS's own sentence", () => {
  const problem = () => new CodedError("AccessDenied", "STS says no.", { remedy: "Trust it." });
  expect(unreadiness(deps({ identity: { isHeld: () => false, problem } }))()?.message).toBe(
    "The broker has no AWS identity yet. STS says no. Trust it.",
  );
});

test("an identity that could not be renewed takes no replica out, since held sessions are still given", () => {
  let isHeld = true;
  const unready = unreadiness(deps({ identity: { isHeld: () => isHeld, problem: () => undefined } }));
  expect(unready()).toBeUndefined();
  isHeld = false;
  expect(unready()).toBeUndefined();
});
