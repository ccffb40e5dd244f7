import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../../sidecar/kit/secret.ts";

const secret = new Secret("hunter2");

test.each([
  ["String()", String(secret)],
  ["joining", ["a", secret].join(" ")],
  ["JSON", JSON.stringify({ deep: [{ secret }] })],
  ["inspect", inspect({ deep: [{ secret }] }, { showHidden: true, depth: null })],
  ["its keys", JSON.stringify(Object.entries(secret))],
  ["a copy", JSON.stringify(Object.assign({}, secret))],
])("a secret is not shown by %s", (_, shown) => {
  expect(shown).not.toContain("hunter2");
});

test("a secret is revealed only by reveal()", () => {
  expect(secret.reveal()).toBe("hunter2");
});
