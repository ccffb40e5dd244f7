import { expect, test } from "vitest";
import { sessionName, tagValue, type PodIdentity } from "../../../sidecar/kit/session-name.ts";

const pod: PodIdentity = { namespace: "billing", serviceAccount: "reader", pod: "api-0", podUid: "uid-1" };
const long = { ...pod, pod: "a".repeat(253) };

test("a session name has each placeholder filled in", () => {
  expect(sessionName("{namespace}.{pod}", pod)).toBe("billing.api-0");
  expect(sessionName("{serviceAccount}@{podUid}", pod)).toBe("reader@uid-1");
});

test("a session name that fits is kept as it is", () => {
  expect(sessionName("a".repeat(64), pod)).toBe("a".repeat(64));
});

test("a long session name is cut to 64 valid characters and keeps its beginning", () => {
  const name = sessionName("{namespace}.{pod}", long);
  expect(name).toMatch(/^billing\.a+-[0-9a-f]{12}$/);
  expect(name).toHaveLength(64);
});

test("two pods whose long names begin alike have different session names", () => {
  const other = { ...long, pod: `${"a".repeat(252)}b`, podUid: "uid-2" };
  expect(sessionName("{namespace}.{pod}", long)).not.toBe(sessionName("{namespace}.{pod}", other));
});

test("two pods of the same long name have different session names, since their uids differ", () => {
  expect(sessionName("{pod}", long)).not.toBe(sessionName("{pod}", { ...long, podUid: "uid-2" }));
});

test("a session name is the same at every call, so the session's ARN never changes", () => {
  expect(sessionName("{namespace}.{pod}", long)).toBe(sessionName("{namespace}.{pod}", long));
});

test.each(["a/b c", "zoë", "日本", "a\nb", "x", "", "{pod", "🙂"])(
  "a session name made of %j is valid for STS",
  (template) => {
    expect(sessionName(template, pod)).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
  },
);

test("two texts that differ only in invalid characters have different session names", () => {
  expect(sessionName("a/b", pod)).not.toBe(sessionName("a:b", pod));
});

test("a placeholder inside a value is not filled in", () => {
  expect(sessionName("{pod}.{namespace}", { ...pod, pod: "{namespace}" })).not.toContain("billing.billing");
});

test("a tag value has its placeholders filled in and keeps letters of every script", () => {
  expect(tagValue("{namespace}/{pod}", pod)).toBe("billing/api-0");
  expect(tagValue("Zoë 日本", pod)).toBe("Zoë 日本");
});

test("a long tag value is cut to 256 characters", () => {
  expect(tagValue("{pod}{pod}", long)).toHaveLength(256);
});
