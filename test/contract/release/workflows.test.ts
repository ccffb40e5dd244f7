import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const FOLDER = new URL("../../../.github/workflows/", import.meta.url);
const NAMES = readdirSync(FOLDER);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), "utf8");

// GitHub's default shell is `bash -e`, with which `skopeo inspect | sha256sum` succeeds whatever skopeo says.
test.for(NAMES)("%s stops where a program of a pipe fails", (name) => {
  expect(parse(read(name))).toHaveProperty("defaults.run.shell", "bash");
});

// With `stable`, what is built would change without a commit.
test.for(NAMES)("%s names an exact version of Go", (name) => {
  const versions = read(name).match(/(?<=go-version: ).*/g) ?? [];
  expect(versions.length).toBeGreaterThan(0);
  for (const version of versions) expect(version).toMatch(/^"\d+\.\d+\.\d+"$/);
});

test("CI on GitHub fails where a suite would skip what it could not get", () => {
  expect(read("ci.yml")).toMatch(/bash \.ci\/run\n +env:\n +PODROLE_CI_STRICT: "yes"\n/);
});
