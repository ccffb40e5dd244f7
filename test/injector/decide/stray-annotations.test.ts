import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { strayAnnotations } from "../../../injector/decide/stray-annotations.ts";
import { annotationsByKey } from "../../../injector/model/annotations.ts";

test.for([...annotationsByKey()])("%s gives no warning on its own kind of object", ([key, { on }]) => {
  expect(strayAnnotations(on, { [key]: "x" })).toEqual([]);
});

test("an annotation for pods and namespaces gives no warning on either, and one on a service account", () => {
  for (const key of [ANNOTATION.imds, ANNOTATION.imdsV1]) {
    expect(strayAnnotations("Pod", { [key]: "x" })).toEqual([]);
    expect(strayAnnotations("Namespace", { [key]: "x" })).toEqual([]);
    expect(strayAnnotations("ServiceAccount", { [key]: "x" })).toMatchObject([
      { code: "ANNOTATION_MISPLACED" },
    ]);
  }
});

describe("did you mean", () => {
  test.for([
    ["iam.amazonaws.com/rolle", ANNOTATION.role],
    ["iam.amazonaws.com/Role", ANNOTATION.role],
    ["iam.amazon.com/role", ANNOTATION.role],
    ["iam.amazonaws.com/session-names", ANNOTATION.peerSessionName],
    ["podrole.dev/skip-container", ANNOTATION.skipContainers],
    ["podrole.dev/sesion-duration", ANNOTATION.sessionDuration],
    ["podrole.io/region", ANNOTATION.region],
  ] as const)("%s: %s", ([key, meant]) => {
    expect(strayAnnotations("Pod", { [key]: "x" })).toMatchObject([{ remedy: `Did you mean ${meant}?` }]);
  });

  test.for(["podrole.dev/nothing-of-the-kind", "podrole.dev/constructor"])(
    "%s resembles no known annotation",
    (key) => {
      expect(strayAnnotations("Pod", { [key]: "x" })).toMatchObject([
        { remedy: "See the annotation reference." },
      ]);
    },
  );

  test.for([
    "prometheus.io/scrape",
    "iam.amazonaws.com/instance-profile-arn",
    "role",
    "__proto__",
    "constructor",
    "",
  ])("%j gives no warning", (key) => {
    expect(strayAnnotations("Pod", { [key]: "x" })).toEqual([]);
  });
});

test("a known annotation on the wrong object gives a warning that names the right one", () => {
  expect(strayAnnotations("Pod", { [ANNOTATION.guard]: "off" })).toMatchObject([
    { code: "ANNOTATION_MISPLACED", severity: "warn", remedy: "Put it on the Namespace." },
  ]);
});

test("a huge key is shortened, and only some of very many odd keys are reported", () => {
  const huge = strayAnnotations("Pod", { [`podrole.dev/${"x".repeat(300_000)}`]: "" });
  expect(JSON.stringify(huge).length).toBeLessThan(600);
  const horde = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, index) => [`podrole.dev/x${index}`, ""]),
  );
  expect(strayAnnotations("Pod", horde).length).toBeLessThanOrEqual(20);
});
