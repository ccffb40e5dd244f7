import { expect, test } from "vitest";
import { otherVersion, tagOf } from "../../../../injector/cli/live/deployment.ts";

test("an image's tag tells its version, a digest does not", () => {
  const images = ["a/b", "a:5000/b", "a/b@sha256:00", "a/b:1", "a:5/b:v1.2@sha256:0"];
  expect(images.map(tagOf)).toEqual([undefined, undefined, undefined, "1", "v1.2"]);
  expect(["a/b:1.0.0", "a/b:v1.0.0", "a/b"].map((image) => otherVersion(image, "1.0.0"))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(otherVersion("r:5000/a/b:9.9.9@sha256:00", "1.0.0")).toContain("tagged 9.9.9");
});
