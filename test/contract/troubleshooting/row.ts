import { readdirSync, readFileSync } from "node:fs";

/** One row of the troubleshooting page: a message, and what to do about it. */
export interface Row {
  readonly says: string;
  readonly todo: string;
}

/** The rows as a Markdown table, messages as inline code. */
export const tableOf = (head: readonly [string, string], rows: readonly Row[]): string =>
  [
    `| ${head.join(" | ")} |`,
    "| --- | --- |",
    ...rows.map(({ says, todo }) => `| ${inlineCode(cell(says))} | ${cell(todo)} |`),
  ].join("\n");

/** As inline code, whatever backticks are in it. */
const inlineCode = (text: string): string => (text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``);

/** On one line, with characters escaped that would end a cell or inline code. */
const cell = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim();

/** Text of every TypeScript file below a folder of the tree. */
export const sourceOf = (folder: string): string => {
  const root = new URL(`../../../${folder}/`, import.meta.url);
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(new URL(file, root), "utf8"))
    .join("\n");
};

/** The codes of all errors that a source makes. */
export const codesMadeIn = (source: string): ReadonlySet<string> =>
  new Set(
    [...source.matchAll(/new (?:Coded|Issue)Error(?:<\w+>)?\(\s*"(\w+)"/g)].map(([, code]) => code ?? ""),
  );
