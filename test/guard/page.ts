import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The page that several test files write: the ways round mode `block` first, and a part of its own below each of these headings. */
export const PAGE = fileURLToPath(new URL("../../deploy/docs/guard-matrix.md", import.meta.url));
const HEADINGS = ["The sidecar's ports", "Mode verify", "Ways round, where mode verify holds"] as const;
const FIRST = "";

/** The page with another text for one of its parts. */
export function pageWith(part: (typeof HEADINGS)[number] | typeof FIRST, text: string): string {
  const [intro = "", ...rest] = readFileSync(PAGE, "utf8").split(
    new RegExp(`\n## (${HEADINGS.join("|")})\n`),
  );
  const texts = new Map([[FIRST, intro]]);
  for (let at = 0; at < rest.length; at += 2) texts.set(rest[at] ?? "", rest[at + 1] ?? "");
  texts.set(part, text);
  const below = (heading: string): string => {
    const is = texts.get(heading);
    return is === undefined ? "" : `\n## ${heading}\n${is}`;
  };
  return [texts.get(FIRST), ...HEADINGS.map(below)].join("");
}

export const markdownTable = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
