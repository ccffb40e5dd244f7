/**
 * What a program wrote to a terminal, as a picture: an SVG that needs no font and no script of its own. It has a dark
 * background on light and on dark pages.
 */

/** Text in one style, and the column that it begins in. */
interface Run {
  readonly column: number;
  readonly text: string;
  readonly styles: readonly string[];
}

/** Colour and style of SGR codes (ECMA-48), as `styleText` of Node writes them. */
const STYLES: Readonly<Record<string, string>> = {
  1: "bold",
  2: "dim",
  31: "red",
  32: "green",
  33: "yellow",
  36: "cyan",
};
const ENDS: Readonly<Record<string, readonly string[]>> = {
  0: Object.values(STYLES),
  22: ["bold", "dim"],
  39: ["red", "green", "yellow", "cyan"],
};

/** Contrast with the background is at least 5 to 1, for dimmed text too. */
const CSS = `
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3 }
    .bold { font-weight: 700 }
    .dim { fill: #9198a1 }
    .red { fill: #ff7b72 }
    .green { fill: #56d364 }
    .yellow { fill: #e3b341 }
    .cyan { fill: #76e3ea }
  `;
const CELL = { width: 8, height: 18 } as const;
const MARGIN = 20;
const BAR = 30;

/**
 * @param command what the user typed
 * @param output with SGR codes and line feeds, and no other control characters
 * @param columns the picture is as wide; a longer line is cut
 */
export function terminalPicture(command: string, output: string, columns = 100): string {
  const lines = [`\u001B[2m$\u001B[22m \u001B[1m${command}\u001B[22m`, "", ...output.trimEnd().split("\n")];
  const [width, height] = [columns * CELL.width + 2 * MARGIN, lines.length * CELL.height + BAR + MARGIN];
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, index) => `<circle cx="${MARGIN + 6 + index * 20}" cy="16" r="6" fill="${colour}"/>`,
  );
  const texts = lines.flatMap((line, row) => {
    const runs = runsOf(line).map(spanOf);
    return runs.length === 0 ? [] : [`<text y="${BAR + (row + 1) * CELL.height}">${runs.join("")}</text>`];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<style>${CSS}</style>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#3d444d"/>`,
    ...buttons,
    ...texts,
    "</svg>\n",
  ].join("\n");
}

/**
 * Every cell has its place, whatever font the reader's browser takes: the length of a run is given, and a gap of two
 * spaces or more begins another.
 */
function spanOf({ column, text, styles }: Run): string {
  const style = styles.length === 0 ? "" : ` class="${styles.join(" ")}"`;
  const x = MARGIN + column * CELL.width;
  return `<tspan x="${x}" textLength="${text.length * CELL.width}"${style}>${escaped(text)}</tspan>`;
}

function runsOf(line: string): readonly Run[] {
  const runs: Run[] = [];
  let column = 0;
  let styles: readonly string[] = [];
  // Each part begins with the end of a code, the first with an empty one.
  for (const part of `m${line}`.split("\u001B[")) {
    const [codes = "", ...rest] = part.split("m");
    const text = rest.join("m");
    if (codes !== "") styles = codes.split(";").reduce(styled, styles);
    for (const { 0: word, index } of text.matchAll(/\S+(?: \S+)*/g))
      runs.push({ column: column + index, text: word, styles });
    column += text.length;
  }
  return runs;
}

const styled = (styles: readonly string[], code: string): readonly string[] => {
  const begins = STYLES[code];
  return begins === undefined
    ? styles.filter((one) => ENDS[code]?.includes(one) !== true)
    : [...styles, begins];
};

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The picture without what is different in each run: durations and ports, and where the text behind them begins. */
export const comparable = (picture: string): string =>
  picture
    .replaceAll(/ (?:x|textLength)="[\d.]+"/g, "")
    .replaceAll(/\b\d+\.\d\d s\b/g, "0.00 s")
    .replaceAll(/\b127\.0\.0\.1:\d{4,5}(?!\/v1)/g, "127.0.0.1:0");
