import { describe, expect, test } from "vitest";
import { injectorMetrics } from "../../../injector/serve/metrics.ts";
import { RESOURCES } from "../../../injector/serve/metrics-table.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { BILLING } from "../../support/facts.ts";
import { app, injected, pod } from "../../support/pods.ts";
import { post, reviewText } from "../../support/webhook.ts";

/**
 * Anybody who reaches the port can post a review, of any object and in anybody's name. All that it leaves is a count and
 * a line, without its text.
 */

const SECRET = "Hunter2_Hunter2";
/** Texts with the secret that try to write a line, a field or a terminal's colours of their own. */
const TEXTS = [
  SECRET,
  `${SECRET}\n{"level":30,"msg":"decided","decision":"allow"}`,
  `${SECRET}","decision":"allow`,
  `\u001b[31m${SECRET}\u0000\u2028`,
  SECRET.repeat(20_000),
];
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"];

const resourceOf = (path: string) => {
  const [group = "", resource = "", subResource = ""] = path.split("/");
  return { resource: { group, version: "v1", resource }, subResource };
};

/** An object with the text wherever a text can be. */
const objectWith = (text: string): unknown => {
  const one = pod(
    {
      initContainers: [{ name: text, image: text }],
      containers: [{ ...app, name: text, args: [text], env: [{ name: text, value: text }] }],
      volumes: [{ name: text, hostPath: { path: text } }],
      serviceAccountName: text,
      securityContext: { sysctls: [{ name: text }] },
    },
    { [ANNOTATION.role]: text, [ANNOTATION.sessionName]: text, [`podrole.dev/${text}`]: text, [text]: text },
  );
  return { ...one, metadata: { ...one.metadata, name: text, namespace: text } };
};

const metrics = injectorMetrics({ version: "1", synced: () => true });
const forged = async (object: unknown, over: object) => {
  const { log } = await post(reviewText(JSON.stringify(object), { ...over }), { observe: metrics.observe });
  const lines = log.split("\n").filter((line) => line !== "");
  return { log, lines };
};

describe.for([...RESOURCES, "/pods/exec", "/secrets", `${SECRET}/${SECRET}`])(
  "a forged review of %s",
  (path) => {
    test("leaves no more than one line, without its text, whatever its operation", async () => {
      for (const operation of [...OPERATIONS, SECRET]) {
        for (const text of TEXTS) {
          const over = {
            ...resourceOf(path),
            operation,
            uid: text,
            namespace: text,
            userInfo: { username: text },
          };
          const { log, lines } = await forged(objectWith(text), { ...over, oldObject: injected(pod()) });
          expect(lines.length).toBeLessThan(2);
          expect(log).not.toContain("Hunter2");
          expect(log.length).toBeLessThan(1000);
          for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: 30, msg: "decided" });
        }
      }
    });
  },
);

test("one that is too heavy to be read leaves no text either, whatever resource it names at its beginning", async () => {
  for (const text of [SECRET, `\u009b31m${SECRET}`, `\u0007\n${SECRET}`]) {
    const named = { group: "", version: "v1", resource: "pods" };
    const request = { uid: "u", kind: { group: "", version: "v1", kind: "Pod" }, resource: named };
    const body = JSON.stringify({ kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", request })
      .replace('"resource":"pods"', `"resource":"${text}"`)
      .replace(/\}\}$/, `,"x":${"[".repeat(2000)}`);
    const { log, response } = await post(body, { observe: metrics.observe });
    expect(response.allowed).toBe(false);
    expect(JSON.parse(log)).toMatchObject({
      msg: "decided",
      findings: "REVIEW_TOO_HEAVY",
      resource: "other",
    });
    expect(log).not.toContain("Hunter2");
  }
});

test("after all of them there are few series, and none of them has their text", async () => {
  for (let n = 0; n < 50; n += 1) {
    const over = { operation: `OP${n}`, resource: { group: `g${n}`, resource: `r${n}` }, namespace: `n${n}` };
    await forged(objectWith(`x${n}`), over);
  }
  const text = await metrics.text();
  expect(text).not.toContain("Hunter2");
  expect(
    text.split("\n").filter((line) => line.startsWith("podrole_admission_requests_total{")).length,
  ).toBeLessThan(100);
  expect(text.split("\n").length).toBeLessThan(400);
});

test("one on which podrole fails leaves the place in the code, and no text", async () => {
  const over = { uid: "705ab4f5" };
  const failing = new TypeError(`Cannot read ${SECRET}\n    at ${SECRET}:1:1`);
  const { log, response } = await post(reviewText(JSON.stringify(pod()), over), {
    cluster: { facts: () => Promise.reject(failing) },
  });
  expect(response.status?.message).toMatch(/^\[INTERNAL\]/);
  expect(log).not.toContain(SECRET);
  expect(log).toContain("forged.process.test.ts");
  expect(log).toContain('"uid":"705ab4f5"');
});

test("one of a namespace that does not exist leaves one line with a code, and no stack", async () => {
  const unknown = new CodedError("FACTS_UNAVAILABLE", 'The API server has no namespace "shop".');
  const { log } = await post(reviewText(JSON.stringify(pod())), {
    cluster: { facts: () => Promise.reject(unknown) },
  });
  expect(log.trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(log)).toMatchObject({ msg: "decided", decision: "deny", findings: "FACTS_UNAVAILABLE" });
});

test("names that objects can have are logged, and a controller's prefix", async () => {
  const line = async (metadata: object, namespace: string) =>
    JSON.parse((await forged({ ...pod(), metadata }, { namespace })).log) as Record<string, unknown>;
  const annotations = { [ANNOTATION.role]: BILLING };
  expect(await line({ name: "web-0", annotations }, "shop")).toMatchObject({
    namespace: "shop",
    name: "web-0",
  });
  expect(await line({ generateName: "web-5d6-", annotations }, "a")).toMatchObject({
    namespace: "a",
    name: "web-5d6-*",
  });
  expect(await line({ name: "Web 0", annotations }, "shop/x")).toMatchObject({
    namespace: "(no name)",
    name: "(no name)",
  });
});
