import type { Output } from "../io.ts";

/** Names come out of manifests: control characters would let their author write lines of his own into a terminal. */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");

/** Lines of at most `width`, but for a word that is longer: an ARN that is broken cannot be copied. */
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

/** As wide as the terminal, within what can be read; the same everywhere else. */
export const widthOf = ({ columns }: Output): number =>
  columns === undefined ? 96 : Math.max(80, Math.min(100, columns));
