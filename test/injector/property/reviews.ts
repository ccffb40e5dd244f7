import * as fc from "fast-check";
import type { Arbitrary } from "fast-check";
import { reviewText } from "../../support/webhook.ts";
import { started } from "../../support/started.ts";
import { injected, pod } from "../../support/pods.ts";
import { containers, pods } from "./arbitraries.ts";

/** Reviews as text, because a client can send text that no object serializes to. */

/** JSON texts that replace a value of a pod. */
const oddText = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    "[]",
    "{}",
    "[null]",
    '""',
    "-0",
    "1e999",
    "123456789012345678901234567890",
  ),
  fc.constantFrom('"\\ud800"', '"\\u0000"', '{"__proto__":null}', '{"constructor":{"prototype":{"x":1}}}'),
  fc.constantFrom(`${"[".repeat(900)}${"]".repeat(900)}`, `${'{"a":'.repeat(900)}1${"}".repeat(900)}`),
  fc.constantFrom('{"name":"a","name":null}', `"${"x".repeat(100_000)}"`, '[{"name":"a"},{"name":"a"}]'),
  fc.json({ maxDepth: 3 }),
);

/** An object's text with one value, at any place, replaced by an odd one. */
const withOdd = (objects: Arbitrary<unknown>): Arbitrary<string> =>
  fc.tuple(objects, fc.nat(), oddText).map(([object, place, odd]) => {
    const values: unknown[] = [];
    JSON.stringify(object, (_key, value: unknown) => (values.push(value), value));
    let index = 0;
    const target = place % values.length;
    const marked = JSON.stringify(object, (_key, value: unknown) => (index++ === target ? "@odd@" : value));
    return marked.replace('"@odd@"', () => odd);
  });

const objects: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: withOdd(pods) },
  { weight: 4, arbitrary: pods.map((one) => JSON.stringify(one)) },
  { weight: 1, arbitrary: oddText },
);

const WORKLOADS = ["deployments", "statefulsets", "daemonsets", "replicasets"];
const resources = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ group: "", version: "v1", resource: "pods" }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...WORKLOADS).map((resource) => ({ group: "apps", version: "v1", resource })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      { group: "batch", version: "v1", resource: "cronjobs" },
      { group: "", resource: "replicationcontrollers" },
      { group: null },
      null,
      "pods",
    ),
  },
);

/** The review around the object. The API server writes it, except for the names. */
const around = fc.record(
  {
    uid: fc.oneof(fc.uuid(), fc.string({ minLength: 1, maxLength: 20 })),
    operation: fc.constantFrom("CREATE", "CREATE", "CREATE", "UPDATE", "DELETE", "CONNECT", null),
    resource: resources,
    subResource: fc.constantFrom("", "ephemeralcontainers", "status", null),
    namespace: fc.constantFrom("shop", "", null),
    userInfo: fc.constantFrom({ username: "alice" }, { username: "system:node:a" }, {}, null, []),
    dryRun: fc.constantFrom(true, false, null),
  },
  { requiredKeys: ["uid", "operation", "resource"] },
);

const workloadText = (template: string): string =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":${template}}}`;

interface Sent {
  readonly uid: string;
  /** As text, like the body that contains it. */
  readonly object: string;
  readonly body: string;
}

const sent = (uid: string, object: string, oldObject: string, over: object): Sent => {
  const body = reviewText(object, { ...over, uid, oldObject: "@old@" });
  return { uid, object, body: body.replace('"@old@"', () => oldObject) };
};

const creations = fc.tuple(fc.uuid(), objects).map(([uid, object]) => sent(uid, object, "null", {}));

/** `kubectl debug` of a running pod, and other changes to it. */
const running = JSON.stringify(started(injected(pod())));
const updates = fc
  .tuple(
    fc.uuid(),
    fc.oneof(
      containers("debug", 1).map((ephemeralContainers) => {
        const one = injected(pod());
        return JSON.stringify({ ...one, spec: { ...one.spec, ephemeralContainers } });
      }),
      withOdd(fc.constant(injected(pod()))),
    ),
    fc.constantFrom("", "ephemeralcontainers"),
  )
  .map(([uid, object, subResource]) => sent(uid, object, running, { operation: "UPDATE", subResource }));

const others = fc
  .tuple(around, objects, objects, fc.boolean())
  .map(([{ uid, ...over }, object, oldObject, wrapped]) => {
    const put = (text: string): string => (wrapped ? workloadText(text) : text);
    return sent(uid, put(object), put(oldObject), over);
  });

/** A well-formed review with any object. */
export const reviews: Arbitrary<Sent> = fc.oneof(creations, updates, others);

const review = reviewText("{}");
const HEAD = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };

/** A body that is no review: no JSON, another document, or one without the fields that an answer needs. */
export const malformed: Arbitrary<string> = fc.oneof(
  fc.string().filter((text) => !isJson(text)),
  fc.nat({ max: review.length - 1 }).map((length) => review.slice(0, length)),
  fc.json(),
  fc.constantFrom<unknown>("", null, 7, [], {}).map((uid) => reviewText("{}", { uid })),
  fc.jsonValue().map((request) => JSON.stringify({ ...HEAD, request })),
  fc.constantFrom(
    review.replace("k8s.io/v1", "k8s.io/v1beta1"),
    review.replace('"AdmissionReview"', '"Pod"'),
    review.replace('"AdmissionReview"', "null"),
  ),
);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
