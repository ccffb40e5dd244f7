import { plain } from "../../../sidecar/kit/plain.ts";
import type { Output } from "../io.ts";

export { plain };

/** Lines of at most `width`. A longer word stays whole: a broken ARN cannot be copied. */
export function wrapped(text: string, width: number, indent: number): readonly string[] {
  const margin = " ".repeat(indent);
  const lines: string[] = [];
  let line = "";
  for (const word of plain(text).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + longer.length > width) {
      lines.push(margin + line);
      line = word;
    } else line = longer;
  }
  return [...lines, margin + line];
}

/** The terminal's width, between 80 and 100; 96 for a file or a pipe. */
export const widthOf = ({ columns }: Output): number =>
  columns === undefined ? 96 : Math.max(80, Math.min(100, columns));
