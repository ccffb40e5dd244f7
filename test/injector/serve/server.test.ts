import { describe, expect, test } from "vitest";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { applied } from "../../support/additions.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { app, injected, plainPod, pod, TOKEN } from "../../support/pods.ts";
import { post, postObject, reviewText } from "../../support/webhook.ts";

const container = (extra: string): string => `{"spec":{"containers":[{"name":"app"${extra}}]}}`;
const guarded = (text: string): boolean => text.includes("/spec/initContainers");

describe("a pod", () => {
  test("is answered with its patch", async () => {
    const { status, response, patch } = await postObject(pod());
    expect(status).toBe(200);
    expect(response).toMatchObject({ uid: "review-1", allowed: true, patchType: "JSONPatch" });
    expect(applied(pod(), patch)).toEqual(injected(pod()));
    expect(response.auditAnnotations).toEqual({
      decision: "inject",
      role: "arn:aws:iam::111122223333:role/billing-reader",
      rule: expect.any(String) as string,
    });
  });

  test("that needs exemptions is answered with a warning for each, and the audit log gets them", async () => {
    const annotations = { "podrole.dev/exempt": "hostPorts,seccomp,hostPath=/var/log" };
    const collector = pod({
      containers: [{ ...app, ports: [{ hostPort: 80 }, { hostPort: 81 }] }],
      volumes: [{ name: "logs", hostPath: { path: "/var/log/pods" } }],
    });
    const { response, log } = await postObject(collector, { cluster: clusterOf(facts({ annotations })) });
    expect(response.allowed).toBe(true);
    expect(response.warnings).toEqual([
      expect.stringMatching(
        /^\[EXEMPTED\] The volume "logs" is the path "\/var\/log\/pods" of the node, which hostPath=\/var\/log in/,
      ),
      expect.stringMatching(
        /^\[EXEMPTED\] Container "app" takes port 80 of the node \(and 1 more like it\), which/,
      ),
    ]);
    expect(response.auditAnnotations).toMatchObject({
      decision: "inject",
      findings: "EXEMPTED",
      exempted: "hostPath=/var/log,hostPorts",
    });
    expect(log).toContain('"exempted":"hostPath=/var/log,hostPorts"');
  });

  test("that has been injected already is answered without a patch", async () => {
    const { response } = await postObject(injected(pod()));
    expect(response.allowed).toBe(true);
    expect(response.patch).toBeUndefined();
    expect(response.patchType).toBeUndefined();
  });

  test("that is denied is answered with the reason and what to do", async () => {
    const { status, response } = await postObject(pod({ hostPID: true }));
    expect(status).toBe(200);
    expect(response).toMatchObject({ allowed: false, status: { code: 403, reason: "Forbidden" } });
    expect(response.status?.message).toMatch(
      /^\[HOST_NAMESPACE\] .+ Remove hostPID from the pod, or run it in a namespace without podrole\.$/,
    );
    expect(response.patch).toBeUndefined();
  });

  test.for(["Succeeded", "Failed", "Running"])("whose own status says %s is guarded too", async (phase) => {
    const { patch } = await postObject({ ...plainPod(), status: { phase } });
    expect(guarded(JSON.stringify(patch))).toBe(true);
  });

  test("that claims to be a node's mirror pod is guarded unless the node creates it", async () => {
    const mirror = pod({}, { "kubernetes.io/config.mirror": "abc" });
    const by = async (username: unknown) =>
      guarded(JSON.stringify((await postObject(mirror, {}, { userInfo: { username } })).patch));
    for (const user of ["alice", "", null, 7, "system:serviceaccount:kube-system:job-controller"]) {
      expect(await by(user)).toBe(true);
    }
    expect(await by("system:node:worker-1")).toBe(false);
  });

  test("is judged by the namespace of the request and the pod's service account", async () => {
    const asked: string[][] = [];
    const cluster = { facts: (...of: [string, string]) => (asked.push(of), Promise.resolve(facts())) };
    await postObject(pod({ serviceAccountName: "biller" }), { cluster });
    await postObject(pod({ serviceAccount: "old" }), { cluster });
    await postObject(
      { metadata: { namespace: "kube-system" }, spec: { serviceAccountName: 7 } },
      { cluster },
    );
    expect(asked).toEqual([
      ["shop", "biller"],
      ["shop", "old"],
      ["shop", "default"],
    ]);
  });
});

describe("any well-formed review gets a decision when its object is", () => {
  test.for([
    ["null", "null", false],
    ["a number", "7", false],
    ["a text", '"pod"', false],
    ["a list", "[]", false],
    ["an empty object", "{}", false],
    ["a spec of null", '{"spec":null}', false],
    ["containers of null", '{"spec":{"containers":null}}', false],
    ["a container of null", '{"spec":{"containers":[null]}}', false],
    ["a container that is a list", '{"spec":{"containers":[[]]}}', false],
    ["env that is an object", container(',"env":{}'), false],
    ["env of null", container(',"env":null'), true],
    ["an env entry of null", container(',"env":[null]'), false],
    ["metadata of null", '{"metadata":null,"spec":{"containers":[{"name":"app"}]}}', true],
    [
      "annotations that are a list",
      '{"metadata":{"annotations":[]},"spec":{"containers":[{"name":"app"}]}}',
      false,
    ],
    [
      "__proto__ at every level",
      container(
        ',"__proto__":{"securityContext":{"privileged":true}},"env":[{"name":"__proto__","value":"x","__proto__":null}]',
      ),
      true,
    ],
    ["constructor.prototype", container(',"constructor":{"prototype":{"allowed":true}}'), true],
    ["the same key twice, the later one a null", container(',"env":[],"env":null'), true],
    [
      "a number past 2^53",
      container(',"terminationGracePeriodSeconds":123456789012345678901234567890'),
      true,
    ],
    ["a number beyond every limit", container(',"x":1e999'), true],
    [
      "a lone surrogate",
      '{"metadata":{"annotations":{"x":"\\ud800"}},"spec":{"containers":[{"name":"\\udfff"}]}}',
      true,
    ],
    [
      "a null character",
      '{"metadata":{"name":"a\\u0000b"},"spec":{"containers":[{"name":"app\\u0000"}]}}',
      true,
    ],
    ["nesting of 900 levels", container(`,"x":${"[".repeat(900)}${"]".repeat(900)}`), true],
    ["objects 900 deep", container(`,"x":${'{"a":'.repeat(900)}1${"}".repeat(900)}`), true],
    ["nesting of 10,000 levels", container(`,"x":${"[".repeat(10_000)}${"]".repeat(10_000)}`), false],
    ["objects 10,000 deep", container(`,"x":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`), false],
    [
      "nested lists instead of a list of containers",
      `{"spec":{"containers":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`,
      false,
    ],
    [
      "1.4 MB in one annotation",
      `{"metadata":{"annotations":{"x":"${"y".repeat(1_400_000)}"}},"spec":{"containers":[{"name":"app"}]}}`,
      false,
    ],
    [
      "1.4 MB in a name",
      `{"metadata":{"name":"${"n".repeat(1_400_000)}"},"spec":{"containers":[{"name":"${"c".repeat(253)}"}]}}`,
      true,
    ],
  ] as const)("%s", async ([, object, allowed]) => {
    const { status, response, log } = await post(reviewText(object));
    expect(status).toBe(200);
    expect(response).toMatchObject({ uid: "review-1", allowed });
    expect(log.length, "a log line has a length").toBeLessThan(2000);
    expect({}).not.toHaveProperty("securityContext");
  });

  test("500 containers", async () => {
    const containers = Array.from({ length: 500 }, (_, index) => ({ ...app, name: `app-${index}` }));
    const { response, patch } = await postObject(pod({ containers }));
    expect(response.allowed).toBe(true);
    expect(applied(pod({ containers }), patch)).toEqual(injected(pod({ containers })));
  });

  test("containers that all have several reasons for denial, with a readable answer that says how many more", async () => {
    const evil = (n: number) =>
      `{"name":"${String(n).padEnd(250, "n")}","securityContext":{"privileged":true,"procMount":"Unmasked","capabilities":{"add":["A","B"]}}}`;
    const many = Array.from({ length: 1000 }, (_, n) => evil(n)).join();
    const { status, response, body, log } = await post(reviewText(`{"spec":{"containers":[${many}]}}`));
    expect(status).toBe(200);
    expect(response.allowed).toBe(false);
    expect(response.status?.message).toMatch(/ And \d{4} more\.$/);
    expect(body.length).toBeLessThan(5000);
    expect(log.length).toBeLessThan(2000);
  });

  test("100,000 containers, which no pod can have", async () => {
    const { response } = await post(
      reviewText(`{"spec":{"containers":[${Array(100_000).fill('{"name":"a"}').join()}]}}`),
    );
    expect(response.status?.message).toMatch(/^\[OBJECT_MALFORMED\] .* more than 1000 containers/);
  });

  test("warnings that are longer than API servers show, with how many more", async () => {
    const env = [{ name: "AWS_PROFILE", value: "x" }];
    const containers = Array.from({ length: 50 }, (_, n) => ({
      ...app,
      name: `${"n".repeat(200)}${n}`,
      env,
    }));
    const { warnings = [] } = (await postObject(pod({ containers }))).response;
    expect(warnings.join("").length).toBeLessThan(4096);
    expect(warnings.at(-1)).toMatch(/^And \d+ more\.$/);
  });

  test("one whose facts are unavailable, or on which podrole fails, is denied", async () => {
    const failing = (error: Error) => ({ cluster: { facts: () => Promise.reject(error) } });
    const unavailable = new CodedError("FACTS_UNAVAILABLE", "The API server does not answer.", {
      remedy: "Wait.",
    });
    const first = await postObject(pod(), failing(unavailable));
    expect(first).toMatchObject({ status: 200, response: { allowed: false } });
    expect(first.response.status?.message).toBe("[FACTS_UNAVAILABLE] The API server does not answer. Wait.");
    const second = await postObject(pod(), failing(new TypeError("secret in an error")));
    expect(second).toMatchObject({ status: 200, response: { allowed: false } });
    expect(second.response.status?.message).toMatch(/^\[INTERNAL\]/);
    expect(second.body).not.toContain("secret");
  });
});

test.for([
  ["CONNECT", { operation: "CONNECT" }],
  ["DELETE", { operation: "DELETE" }],
  ["another resource", { resource: { group: "", version: "v1", resource: "configmaps" } }],
  ["pods of another group", { resource: { group: "metrics.k8s.io", version: "v1", resource: "pods" } }],
  ["a subresource", { subResource: "status" }],
] as const)("a review that the webhook is not registered for is allowed: %s", async ([, over]) => {
  const { status, response, patch } = await postObject(pod(), {}, over);
  expect(status).toBe(200);
  expect(response).toEqual({ uid: "review-1", allowed: true });
  expect(patch).toEqual([]);
});

describe("a request that is no review gets a 4xx with a code and a sentence when it is", () => {
  test.for([
    ["no JSON", "{", 400],
    ["an empty body", "", 400],
    ["a list", "[]", 400],
    ["null", "null", 400],
    ["no request", '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', 400],
    ["no uid", reviewText("{}", { uid: "" }), 400],
    ["a uid that is no text", reviewText("{}", { uid: 7 }), 400],
    ["v1beta1", reviewText("{}").replace("k8s.io/v1", "k8s.io/v1beta1"), 400],
    ["another kind", reviewText("{}").replace('"AdmissionReview"', '"Pod"'), 400],
    ["more than 8 MiB", reviewText(`"${"x".repeat(8 * 1024 * 1024)}"`), 413],
  ] as const)("%s", async ([, body, status]) => {
    const answer = await post(body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({
      code: expect.any(String) as string,
      message: expect.any(String) as string,
    });
    expect(answer.log).toBe("");
  });

  test("another content type", async () => {
    expect((await post("a=b", {}, "application/x-www-form-urlencoded")).status).toBe(415);
  });
});

test("the submitted object is not modified", async () => {
  const one: Pod = pod();
  const frozen = JSON.stringify(one);
  await postObject(one);
  expect(JSON.stringify(one)).toBe(frozen);
  expect(frozen).not.toContain(TOKEN);
});
