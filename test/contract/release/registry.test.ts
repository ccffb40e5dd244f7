import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { REGISTRY } from "../../../injector/model/version.ts";

/** The setting is `registry` in package.json. These are the places that cannot read it. */

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("the chart names the images of the registry that package.json names", () => {
  const values = parse(read("deploy/chart/values.yaml")) as {
    readonly image: { readonly repository: string };
  };
  expect(values.image.repository).toBe(`${REGISTRY}/injector`);
  const [, ofSidecar] =
    /define "podrole\.registry" -}}(.*?)\{\{-/.exec(read("deploy/chart/templates/_helpers.tpl")) ?? [];
  expect(ofSidecar).toBe(REGISTRY);
});

test("the release workflow pushes to the registry that package.json names", () => {
  expect(parse(read(".github/workflows/release.yml"))).toHaveProperty("env.REGISTRY", REGISTRY);
});

test("the registry is named with its host, since not every node takes a short name for Docker Hub's", () => {
  expect(REGISTRY).toMatch(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?(?:\/[a-z0-9._-]+)+$/);
});
