import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RIGHTS } from "../cluster/rights.ts";
import { isThere, textOf } from "./docs/tree.ts";

/** Each threat names an existing test or a line of the matrix which proves that it is stopped. */

const page = textOf("deploy/docs/security.md");
const rows = page
  .slice(page.indexOf("## Threats"), page.indexOf("## What an attacker gets"))
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(2)
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .map(([, attempt = "", stoppedBy = "", provedBy = ""]) => ({ attempt, stoppedBy, provedBy }));

/** `test/a.test.ts` "title", "title"; or [matrix](guard-matrix.md) "line", "line". */
const proofsIn = (cell: string): readonly (readonly [where: string, title: string])[] =>
  cell.split(";").flatMap((part) => {
    const where = /`(test\/[\w./-]+\.ts)`|\[(matrix)\]/.exec(part);
    const titles = [...part.matchAll(/"([^"]+)"/g)].map(([, title]) => title ?? "");
    return titles.map((title): readonly [string, string] => [where?.[1] ?? where?.[2] ?? "", title]);
  });

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

test("every threat of the security model names a test that exists", () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const { attempt, stoppedBy, provedBy } of rows) {
    const proofs = proofsIn(provedBy);
    expect({ attempt, stoppedBy, proofs }).toEqual({
      attempt,
      stoppedBy: expect.stringMatching(/\w/) as string,
      proofs: expect.arrayContaining([expect.anything()]) as unknown,
    });
    expect(
      proofs.map(([where, title]) => problemOf(where, title)).filter((one) => one !== undefined),
    ).toEqual([]);
  }
});

test("deploy/docs/security.md shows the rights of podrole's tokens that the cluster's test compares", async () => {
  const lines = RIGHTS.map(({ account, namespace, verbs, resource, names = [], worth, selfManaged }) => [
    `\`${account}\`${selfManaged === true ? "\\*" : ""}`,
    namespace === undefined ? "everywhere" : `in \`${namespace}\``,
    verbs.join(", "),
    `\`${resource}\`${names.length === 0 ? "" : `: ${names.map((name) => `\`${name}\``).join(", ")}`}`,
    worth,
  ]);
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
});
