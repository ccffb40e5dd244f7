import { expect, test } from "vitest";
import { sessionName, tagValue, type PodIdentity } from "../../../sidecar/config/session-name.ts";

const pod: PodIdentity = { namespace: "billing", serviceAccount: "reader", pod: "api-0", podUid: "uid-1" };
const long = { ...pod, pod: "a".repeat(253) };

test("fills each placeholder", () => {
  expect(sessionName("{namespace}.{pod}", pod)).toBe("billing.api-0");
  expect(sessionName("{serviceAccount}@{podUid}", pod)).toBe("reader@uid-1");
});

test("keeps a name that fits exactly as it is", () => {
  expect(sessionName("a".repeat(64), pod)).toBe("a".repeat(64));
});

test("cuts a long name to 64 characters that STS takes, the beginning kept", () => {
  const name = sessionName("{namespace}.{pod}", long);
  expect(name).toMatch(/^billing\.a+-[0-9a-f]{12}$/);
  expect(name).toHaveLength(64);
});

test("gives two pods whose long names begin alike two names", () => {
  const other = { ...long, pod: `${"a".repeat(252)}b`, podUid: "uid-2" };
  expect(sessionName("{namespace}.{pod}", long)).not.toBe(sessionName("{namespace}.{pod}", other));
});

test("gives two pods of one long name two names, as their uids differ", () => {
  expect(sessionName("{pod}", long)).not.toBe(sessionName("{pod}", { ...long, podUid: "uid-2" }));
});

test("is the same at every call: a session's ARN stays the same for the pod's life", () => {
  expect(sessionName("{namespace}.{pod}", long)).toBe(sessionName("{namespace}.{pod}", long));
});

test.each(["a/b c", "zoë", "日本", "a\nb", "x", "", "{pod", "🙂"])(
  "makes a name that STS takes of %j",
  (template) => {
    expect(sessionName(template, pod)).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
  },
);

test("does not let two different texts become one by cleaning", () => {
  expect(sessionName("a/b", pod)).not.toBe(sessionName("a:b", pod));
});

test("does not fill a placeholder that a value holds", () => {
  expect(sessionName("{pod}.{namespace}", { ...pod, pod: "{namespace}" })).not.toContain("billing.billing");
});

test("fills tag values and leaves letters of every script in them", () => {
  expect(tagValue("{namespace}/{pod}", pod)).toBe("billing/api-0");
  expect(tagValue("Zoë 日本", pod)).toBe("Zoë 日本");
});

test("cuts a tag value to the 256 characters that STS takes", () => {
  expect(tagValue("{pod}{pod}", long)).toHaveLength(256);
});
