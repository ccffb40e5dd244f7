import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const readme = readFileSync(at("README.md"), "utf8");
const golden = (name: string): string => readFileSync(at(`test/injector/golden/${name}`), "utf8");

/** The input also contains the namespace; the page shows only the pod. */
const before = golden("readme.in.yaml").split("---\n").at(-1) ?? "";
const after = golden("readme.injected.yaml");

/** The page with its two blocks filled in from the golden files. */
function filledIn(page: string): string {
  const block = (label: string, yaml: string) => (text: string) =>
    text.replace(
      new RegExp(`<!-- golden: ${label} -->[^]*?<!-- /golden -->`),
      () => `<!-- golden: ${label} -->\n\n\`\`\`yaml\n${yaml}\`\`\`\n\n<!-- /golden -->`,
    );
  return block("after", after)(block("before", before)(page));
}

describe("the README", () => {
  test("shows the golden pod before and after", async () => {
    await expect(filledIn(readme)).toMatchFileSnapshot(fileURLToPath(at("README.md")));
  });
});
