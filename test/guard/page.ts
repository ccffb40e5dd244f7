import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The page that two test files write: the ways round the guard above this heading, the sidecar's ports below it. */
export const PAGE = fileURLToPath(new URL("../../deploy/docs/guard-matrix.md", import.meta.url));
const HEADING = "\n## The sidecar's ports\n";

const parts = (): readonly string[] => readFileSync(PAGE, "utf8").split(HEADING);

export const pageWithWaysRound = (text: string): string => [text, ...parts().slice(1)].join(HEADING);

export const pageWithPorts = (text: string): string => [...parts().slice(0, 1), text].join(HEADING);

export const markdownTable = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
