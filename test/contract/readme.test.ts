import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isCollection, isPair, parse, parseDocument, stringify, type Node } from "yaml";

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const readme = readFileSync(at("README.md"), "utf8");
const golden = (name: string): string => readFileSync(at(`test/injector/golden/${name}`), "utf8");

/** The input also contains the namespace; the page shows only the pod. */
const before = golden("readme.in.yaml").split("---\n").at(-1) ?? "";
const injected = golden("readme.injected.yaml");

/** The same YAML in fewer lines: what fits on a line is on one. */
function folded(text: string): string {
  const document = parseDocument(text);
  const fold = (node: unknown): void => {
    if (!isCollection(node)) return;
    const line = stringify((node as Node).toJS(document), { collectionStyle: "flow", lineWidth: 0 });
    node.flow = line.trim().length <= FITS;
    if (node.flow) return;
    for (const item of node.items) fold(isPair(item) ? item.value : item);
  };
  fold(document.contents);
  return document.toString({ lineWidth: 0 });
}

const FITS = 240;

/** The page with its two blocks filled in from the golden files. */
function filledIn(page: string): string {
  const block = (label: string, yaml: string) => (text: string) =>
    text.replace(
      new RegExp(`<!-- golden: ${label} -->[^]*?<!-- /golden -->`),
      () => `<!-- golden: ${label} -->\n\n\`\`\`yaml\n${yaml}\`\`\`\n\n<!-- /golden -->`,
    );
  return block("after", folded(injected))(block("before", before)(page));
}

describe("the README", () => {
  test("shows the golden pod before and after", async () => {
    await expect(filledIn(readme)).toMatchFileSnapshot(fileURLToPath(at("README.md")));
  });

  test("shows all of the pod, in fewer lines", () => {
    expect(parse(folded(injected))).toEqual(parse(injected));
    expect(folded(injected).split("\n").length).toBeLessThan(injected.split("\n").length / 2);
  });

  test("stays short enough to be read", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(224);
  });
});
