import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseGrant } from "../../injector/model/grant.ts";
import { isRecord } from "../../injector/model/read.ts";
import { textOf } from "./docs/tree.ts";

/** What the page needs of a JSON schema. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: string;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const PAGE = "deploy/reference/rolegrants.md";
const page = textOf(PAGE);
const crd = parse(textOf("deploy/crd/rolegrants.yaml")) as {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
};
const { spec = {}, status = {} } = crd.spec.versions[0].schema.openAPIV3Schema.properties ?? {};

const typeOf = ({ type = "", items, enum: words, maxItems }: Schema): string =>
  [
    words?.join(" or ") ?? (items === undefined ? type : `list of ${items.type}`),
    ...(maxItems === undefined ? [] : [`${maxItems} at most`]),
  ].join(", ");

const rowsOf = (path: string, { properties = {} }: Schema): readonly string[] =>
  Object.entries(properties).map(([name, field]) => {
    const usual = field.default === undefined ? "" : ` Default: ${field.default}.`;
    return `| \`${path}.${name}\` | ${typeOf(field)} | ${field.description?.replaceAll("|", "\\|")}${usual} |`;
  });

test("deploy/reference/rolegrants.md lists every field of the CRD", async () => {
  const rows = [...rowsOf("spec", spec), ...rowsOf("status", status)];
  const table = ["| field | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
  const filled = page.replace(
    /<!-- fields -->[^]*?<!-- \/fields -->/,
    () => `<!-- fields -->\n\n${table}\n\n<!-- /fields -->`,
  );
  await expect(filled).toMatchFileSnapshot(fileURLToPath(new URL(`../../${PAGE}`, import.meta.url)));
});

test("each example of deploy/reference/rolegrants.md is a grant that podrole can read", () => {
  const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text ?? "");
  const grants = blocks.flatMap((text) =>
    parseAllDocuments(text)
      .map((one) => one.toJS() as unknown)
      .filter(isRecord),
  );
  expect(grants.length).toBeGreaterThan(4);
  for (const one of grants) expect(parseGrant(one).name).toMatch(/\w/);
});
