import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Node's own members begin with an underscore, or are known by these names. */
const PRIVATE = /\.(?:_[a-z]\w*|parser)\b|\bprocess\.binding\b|["'](?:node:)?_\w+["']|--expose-internals/g;

test.each(["sidecar", "injector"])("%s uses no private interface of Node", (folder) => {
  const root = new URL(`../../${folder}/`, import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const found = files.flatMap((file) =>
    [...readFileSync(new URL(file, root), "utf8").matchAll(PRIVATE)].map(([used]) => `${file}: ${used}`),
  );
  expect(files.length).toBeGreaterThan(50);
  expect(found).toEqual([]);
});
