import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RIGHTS } from "../cluster/rights.ts";
import { isThere, textOf } from "./docs/tree.ts";

/** Each claim of the page names an existing test or a line of the matrix that holds it, or says that nothing tests it. */

const page = textOf("deploy/docs/security.md");

/** Where no test is needed: what podrole does not promise, and how to report. Their claims are about others. */
const WITHOUT_CLAIMS: ReadonlySet<string> = new Set(["What is outside", "Reporting"]);
/** Tables that are compared as a whole below, or that only say who is trusted. */
const WITHOUT_PROOFS = ["| account | where | may | of | worth |", "| part | trusted for |"];

const blocks = page
  .split(/^## /m)
  .filter((section) => !WITHOUT_CLAIMS.has(section.split("\n", 1)[0] ?? ""))
  .flatMap((section) => section.split(/\n\s*\n|\n(?=- |\d\. )/).slice(1))
  .map((block) => block.trim())
  .filter((block) => block !== "");
const isTable = (block: string): boolean => block.startsWith("|");
const cellsOf = (line: string): readonly string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
const tables = blocks
  .filter((block) => isTable(block) && !WITHOUT_PROOFS.some((head) => block.startsWith(head)))
  .map((block) => {
    const [head = "", , ...lines] = block.split("\n");
    return { head: cellsOf(head), rows: lines.map((line) => cellsOf(line)) };
  });
const paragraphs = blocks.filter((block) => !isTable(block) && !block.startsWith("<!--"));

/** `test/a.test.ts` "title", "title"; or [matrix](guard-matrix.md) "line", "line". */
function proofsIn(text: string): readonly (readonly [where: string, title: string])[] {
  let where = "";
  return [...text.matchAll(/`(test\/[\w./-]+\.ts)`|\[(matrix)\]|"([^"]+)"/g)].flatMap(
    ([, file, matrix, title]) => {
      where = file ?? matrix ?? where;
      return title === undefined ? [] : [[where, title] as const];
    },
  );
}

/** The matrix's column for a guard on a machine where all layers of the guard work. */
const GUARD = "guard";

/** What the page of the matrix, which has two tables, says about the guard and this way. */
function outcomeOf(title: string): string | undefined {
  const lines = textOf("deploy/docs/guard-matrix.md").split("\n");
  const table = lines.map((line) => line.split("|").map((cell) => cell.trim()));
  const at = table.findIndex(([, way]) => way === title);
  const head = table.slice(0, Math.max(at, 0)).findLast((cells) => cells.includes(GUARD));
  return table[at]?.[head?.indexOf(GUARD) ?? -1];
}

function problemOf(where: string, title: string): string | undefined {
  if (where === "matrix") {
    return outcomeOf(title) === "held" ? undefined : `the matrix has no line "${title}" that the guard holds`;
  }
  if (!isThere(where)) return `there is no ${where}`;
  return textOf(where).includes(`"${title}"`) ? undefined : `${where} has no "${title}"`;
}

/** What is wrong with the proofs of a text; none if it says why there are none. */
function problemsOf(text: string): readonly string[] {
  const proofs = proofsIn(text);
  if (proofs.length === 0 && !/^no test: \w/.test(text)) return ["names no test"];
  return proofs.map(([where, title]) => problemOf(where, title)).filter((one) => one !== undefined);
}

/** A paragraph points at the rows that hold it, introduces a table, or names its tests itself. */
const POINTS_AT_PROOF = /\]\(#|\]\([\w./-]+\.md|:$|[Nn]ot tested/;

test("every row of every table of the security model names a test that exists, or says why there is none", () => {
  expect(tables.length).toBe(11);
  expect(tables.flatMap(({ rows }) => rows).length).toBeGreaterThan(120);
  for (const { head, rows } of tables) {
    expect(head.at(-1)).toBe("proved by");
    for (const row of rows) {
      const [attempt = ""] = row;
      expect({ attempt, cells: row.length, problems: problemsOf(row.at(-1) ?? "") }).toEqual({
        attempt: expect.stringMatching(/\w/) as string,
        cells: head.length,
        problems: [],
      });
    }
  }
});

test("every threat says what stops it", () => {
  const threats = tables.filter(({ head }) => head.includes("stopped by")).flatMap(({ rows }) => rows);
  expect(threats.length).toBeGreaterThan(60);
  expect(threats.filter((row) => row.includes(""))).toEqual([]);
});

test("every paragraph of the security model names a test that exists, points at rows, or says that it is not tested", () => {
  expect(paragraphs.length).toBeGreaterThan(25);
  const bad = paragraphs.filter((paragraph) => {
    const text = paragraph.replaceAll(/\s+/g, " ");
    const namesNone = !proofsIn(text).some(([where]) => where !== "");
    return namesNone ? !POINTS_AT_PROOF.test(text) : problemsOf(text).length > 0;
  });
  expect(bad).toEqual([]);
});

test("deploy/docs/security.md shows the rights of podrole's tokens that the cluster's test compares", async () => {
  const lines = RIGHTS.map(
    ({ account, namespace, verbs, resource, names = [], worth, selfManaged, labelled, broker }) => [
      `\`${account}\`${selfManaged === true ? "\\*" : ""}${labelled === true ? "\\*\\*" : ""}${broker === true ? "\\*\\*\\*" : ""}`,
      namespace === undefined ? "everywhere" : `in \`${namespace}\``,
      verbs.join(", "),
      `\`${resource}\`${names.length === 0 ? "" : `: ${names.map((name) => `\`${name}\``).join(", ")}`}`,
      worth,
    ],
  );
  const head = ["account", "where", "may", "of", "worth"];
  const table = [head, head.map(() => "---"), ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
  const filled = page.replace(
    /<!-- rights -->[^]*?<!-- \/rights -->/,
    () => `<!-- rights -->\n\n${table}\n\n<!-- /rights -->`,
  );
  const file = new URL("../../deploy/docs/security.md", import.meta.url);
  await expect(filled).toMatchFileSnapshot(fileURLToPath(file));
});

test("the check finds a proof that does not exist", () => {
  expect(problemOf("test/injector/decide/hazards.test.ts", "a thing that nobody tries")).toMatch(
    /has no "a thing/,
  );
  expect(problemOf("test/nowhere.test.ts", "x")).toBe("there is no test/nowhere.test.ts");
  expect(problemOf("matrix", "[NET_RAW] AF_XDP, IPv4")).toMatch(/no line .* that the guard holds/);
  expect(proofsIn("somewhere, somehow")).toEqual([]);
  expect(proofsIn('`test/a.ts` "b", "c" [matrix](guard-matrix.md) "d"')).toEqual([
    ["test/a.ts", "b"],
    ["test/a.ts", "c"],
    ["matrix", "d"],
  ]);
  expect(problemsOf("admission")).toEqual(["names no test"]);
  expect(problemsOf("no test: this is advice")).toEqual([]);
});
