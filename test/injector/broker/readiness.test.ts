import { expect, test } from "vitest";
import { unreadiness, type ReadinessDeps } from "../../../injector/broker/readiness.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { identityUnavailable } from "../../../injector/broker/own-identity.ts";

const trouble = (code: string) => ({ code, message: "no" });
const deps = (over: Partial<ReadinessDeps> = {}): ReadinessDeps => ({
  draining: () => false,
  factsRead: () => true,
  factsOld: () => undefined,
  settings: () => undefined,
  certificate: () => undefined,
  cannotIssue: () => undefined,
  identity: { problem: () => undefined },
  ...over,
});

test("a broker that has everything is ready", () => {
  expect(unreadiness(deps())()).toBeUndefined();
});

const none = identityUnavailable("STS_TIMEOUT");
const LACKING: readonly (readonly [string, Partial<ReadinessDeps>])[] = [
  ["DRAINING", { draining: () => true }],
  ["CONFIG_MISSING", { settings: () => trouble("CONFIG_MISSING"), factsRead: () => false }],
  ["FACTS_UNAVAILABLE", { factsRead: () => false }],
  ["TLS_NOT_LOADED", { certificate: () => trouble("TLS_NOT_LOADED") }],
  ["FACTS_UNAVAILABLE", { factsOld: () => new CodedError("FACTS_UNAVAILABLE", "They are old.") }],
  ["BROKER_IDENTITY_UNAVAILABLE", { cannotIssue: () => none }],
];

test.for(LACKING)("it is not ready, and says why: %s", ([code, over]) => {
  expect(unreadiness(deps(over))()?.code).toBe(code);
});

test("why there is no identity is STS's own sentence", () => {
  const problem = () => new CodedError("AccessDenied", "STS says no.", { remedy: "Trust it." });
  expect(unreadiness(deps({ cannotIssue: () => none, identity: { problem } }))()?.message).toBe(
    "The broker has no AWS identity, and holds no session. STS says no. Trust it.",
  );
});

test("an identity that could not be renewed takes no replica out while it holds a session", () => {
  let cannot: typeof none | undefined;
  const problem = () => new CodedError("STS_TIMEOUT", "STS did not answer.");
  const unready = unreadiness(deps({ cannotIssue: () => cannot, identity: { problem } }));
  expect(unready()).toBeUndefined();
  cannot = none;
  expect(unready()).toMatchObject({ code: "BROKER_IDENTITY_UNAVAILABLE" });
  cannot = undefined;
  expect(unready()).toBeUndefined();
});
