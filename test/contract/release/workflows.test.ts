import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const FOLDER = new URL("../../../.github/workflows/", import.meta.url);

// GitHub's default shell is `bash -e`, with which `helm push | tee` succeeds whatever helm says.
test.for(readdirSync(FOLDER))("%s stops where a program of a pipe fails", (name) => {
  const workflow: unknown = parse(readFileSync(new URL(name, FOLDER), "utf8"));
  expect(workflow).toHaveProperty("defaults.run.shell", "bash");
});
