import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const readme = readFileSync(at("README.md"), "utf8");
const golden = (name: string): string => readFileSync(at(`test/injector/golden/${name}`), "utf8");

/** The input holds the namespace as well; the page shows the pod. */
const before = golden("readme.in.yaml").split("---\n").at(-1) ?? "";
const after = golden("readme.out.yaml");

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
  test("shows the pod before and after as the golden files have it", async () => {
    await expect(filledIn(readme)).toMatchFileSnapshot(fileURLToPath(at("README.md")));
  });

  test("names only scripts that package.json has", () => {
    const named = [...readme.matchAll(/npm (?:run )?([\w:]+)/g)].map(([, name]) => name ?? "");
    const known = new Set(["ci", ...Object.keys(manifest.scripts)]);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named).toContain("demo");
  });
});

describe.for(["README.md", "deploy/README.md"])("%s", (page) => {
  const text = readFileSync(at(page), "utf8");

  test("links only to files that are there", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path ?? "");
    expect(links.length).toBeGreaterThan(2);
    expect(links.filter((path) => !existsSync(new URL(path, at(page))))).toEqual([]);
  });

  test("has commands that name only files of this tree", () => {
    const commands = [...text.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block ?? "").join("\n");
    const files = [...commands.matchAll(/(?:-f |"? )((?:deploy\/|Dockerfile\.)[\w./-]+)/g)].map(
      ([, file]) => file ?? "",
    );
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(at(file)))).toEqual([]);
  });
});
