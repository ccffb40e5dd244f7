import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;
const exclude = ["**/node_modules/**", "**/golden/**", "dist/**"];
const filesIn = (...patterns: readonly string[]): readonly string[] =>
  globSync([...patterns], { cwd: ROOT, exclude });

test("no file cites a document that does not exist", () => {
  const documents = new Set(filesIn("**/*.md", ".github/*.md").map((file) => basename(file)));
  const citing = filesIn(
    "{injector,sidecar,test,.ci}/**/*.{ts,cjs,py}",
    "Dockerfile.*",
    "deploy/**/*.{md,yaml,tpl}",
  );
  expect(documents).toContain("design.md");
  expect(citing.length).toBeGreaterThan(300);
  const missing = citing
    // Input for the test of the docs check.
    .filter((file) => !file.startsWith("test/contract/docs"))
    .flatMap((file) =>
      [...readFileSync(`${ROOT}/${file}`, "utf8").matchAll(/[\w./-]*\w\.md\b|\bdesign section \d/gi)]
        .map(([cited]) => cited)
        .filter((cited) => !documents.has(basename(cited)))
        .map((cited) => `${file} cites ${cited}`),
    );
  expect(missing).toEqual([]);
});
