import { describe, expect, test } from "vitest";
import { injectorMetrics } from "../../../injector/serve/metrics.ts";
import { LARGE_POD } from "../../support/large-pod.ts";
import { post, reviewText } from "../../support/webhook.ts";

const EMPTY_OBJECTS = `[${"{},".repeat(2_300_000)}{}]`;
const PODS = { group: "", version: "v1", resource: "pods" };

/** A review in the order in which an API server writes its fields. */
const asAnApiServer = (object: string, resource: object, more = ""): string =>
  `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{"group":"","version":"v1","kind":"Pod"},"resource":${JSON.stringify(resource)},${more}"name":"web","namespace":"shop","operation":"CREATE","userInfo":{"username":"alice"},"object":${object},"oldObject":null,"dryRun":false,"options":null}}`;

describe("a review that could take all memory", () => {
  test.for([
    ["of empty objects", `{"spec":{"x":${EMPTY_OBJECTS}}}`, "could take 189 MiB of the injector's memory"],
    ["nested too deeply", `{"x":${"[".repeat(2000)}${"]".repeat(2000)}}`, "is nested too deeply"],
  ] as const)(
    "is denied under its uid, and only counted and logged by its code: %s",
    async ([, object, why]) => {
      const metrics = injectorMetrics({ version: "1", synced: () => true });
      const { status, response, log } = await post(asAnApiServer(object, PODS), { observe: metrics.observe });
      expect(status).toBe(200);
      expect(response).toMatchObject({ uid: "705ab4f5-6393-11e8-b7cc-42010a800002", allowed: false });
      expect(response.status?.message).toContain(`[REVIEW_TOO_HEAVY] This review ${why}`);
      expect(JSON.parse(log)).toMatchObject({
        decision: "deny",
        findings: "REVIEW_TOO_HEAVY",
        resource: "/pods",
      });
      expect(await metrics.text()).toContain('decision="deny",reason="REVIEW_TOO_HEAVY",resource="pods"');
    },
  );

  test("is denied for ephemeral containers too", async () => {
    const text = asAnApiServer(EMPTY_OBJECTS, PODS, '"subResource":"ephemeralcontainers",');
    const { response, log } = await post(text);
    expect(response.allowed).toBe(false);
    expect(JSON.parse(log)).toMatchObject({ resource: "/pods/ephemeralcontainers" });
  });

  test("is allowed with a warning for a workload, whose pods are reviewed when they are created", async () => {
    const { response } = await post(
      asAnApiServer(EMPTY_OBJECTS, { group: "apps", version: "v1", resource: "deployments" }),
    );
    expect(response.allowed).toBe(true);
    expect(response.warnings).toEqual([expect.stringMatching(/^\[REVIEW_TOO_HEAVY\] /)]);
  });

  test.for([
    ["does not begin as an API server's", ` ${reviewText(EMPTY_OBJECTS)}`],
    [
      "names its uid after the object",
      asAnApiServer("{}", PODS).replace('"uid"', `"x":${EMPTY_OBJECTS},"uid"`),
    ],
    ["has a uid with a quote", asAnApiServer(EMPTY_OBJECTS, PODS).replace("705ab4f5", String.raw`705ab4\"5`)],
    ["is not even a review", EMPTY_OBJECTS],
  ] as const)("gets a 413 and a sentence, and no line in the log, if it %s", async ([, body]) => {
    const { status, body: said, log } = await post(body);
    expect(status).toBe(413);
    expect(JSON.parse(said)).toMatchObject({ code: "REVIEW_TOO_HEAVY" });
    expect(said.length).toBeLessThan(400);
    expect(log).toBe("");
  });
});

test("the largest pod that an API server takes is decided about, on UPDATE with the stored one beside it", async () => {
  const created = await post(asAnApiServer(LARGE_POD, PODS));
  expect(created.response).toMatchObject({ allowed: true, patchType: "JSONPatch" });
  const update = asAnApiServer(LARGE_POD, PODS)
    .replace('"oldObject":null', `"oldObject":${LARGE_POD}`)
    .replace('"operation":"CREATE"', '"operation":"UPDATE"');
  expect((await post(update)).response.allowed).toBe(true);
});
