/** The commands and links of a page. Lines are counted from 1. */
export interface Page {
  /** The path from the root of the tree. */
  readonly path: string;
  /** The anchors of the headings. */
  readonly headings: readonly string[];
  readonly fences: readonly Fence[];
  /** Inline code. */
  readonly spans: readonly Located[];
  /** Targets of links. */
  readonly links: readonly Located[];
}

export interface Located {
  readonly text: string;
  readonly line: number;
}

export interface Fence extends Located {
  readonly language: string;
}

/**
 * Reads the Markdown of these pages: headings by `#`, fences by three backticks, inline links. A
 * paragraph is read as a whole, since inline code may continue on the next line.
 */
export function parsePage(path: string, markdown: string): Page {
  const { fences, prose } = blocksIn(markdown);
  const spans = prose.flatMap(spansIn);
  const links = prose.flatMap(linksIn);
  return { path, headings: headingsIn(prose), fences, spans, links };
}

function blocksIn(markdown: string): {
  readonly fences: readonly Fence[];
  readonly prose: readonly Located[];
} {
  const fences: Fence[] = [];
  const prose: Located[] = [];
  let fence: { language: string; line: number; lines: string[] } | undefined;
  let paragraph: { line: number; lines: string[] } | undefined;
  const endParagraph = (): void => {
    if (paragraph !== undefined) prose.push({ line: paragraph.line, text: paragraph.lines.join("\n") });
    paragraph = undefined;
  };
  for (const [index, line] of markdown.split("\n").entries()) {
    const mark = /^\s*```(\w*)/.exec(line);
    if (fence !== undefined && mark !== null) {
      fences.push({ language: fence.language, line: fence.line, text: fence.lines.join("\n") });
      fence = undefined;
    } else if (fence !== undefined) {
      fence.lines.push(line);
    } else if (mark !== null) {
      endParagraph();
      fence = { language: mark[1] ?? "", line: index + 2, lines: [] };
    } else if (
      line.trim() === "" ||
      line.startsWith("#") ||
      line.startsWith("|") ||
      line.startsWith("<!--")
    ) {
      endParagraph();
      if (line.trim() !== "") prose.push({ line: index + 1, text: line });
    } else {
      paragraph ??= { line: index + 1, lines: [] };
      paragraph.lines.push(line);
    }
  }
  endParagraph();
  if (fence !== undefined) throw new Error(`line ${fence.line - 1}: a fence has no end`);
  return { fences, prose };
}

const lineAt = ({ text, line }: Located, index: number): number =>
  line + text.slice(0, index).split("\n").length - 1;

/** Inline code has as many backticks at its end as at its beginning, and fewer in between. */
const SPAN = /(?<!`)(`+)(?!`)([^]+?)(?<!`)\1(?!`)/g;

const spansIn = (block: Located): readonly Located[] =>
  [...block.text.matchAll(SPAN)].map((match) => ({
    text: (match[2] ?? "").replaceAll(/\s+/g, " ").replaceAll("\\|", "|").trim(),
    line: lineAt(block, match.index),
  }));

const linksIn = (block: Located): readonly Located[] => {
  // Inline code contains no links. The replacement has the same length, so that line numbers stay right.
  const bare = block.text.replaceAll(SPAN, (code) => code.replaceAll(/[^\n]/g, "."));
  return [...bare.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({
    text: match[1] ?? "",
    line: lineAt(block, match.index),
  }));
};

/** Anchors as GitHub makes them: lower case, no punctuation, dashes for blanks, and a number after duplicates. */
function headingsIn(prose: readonly Located[]): Page["headings"] {
  const taken = new Map<string, number>();
  return prose.flatMap(({ text }) => {
    const [, title] = /^#{1,6} +(.+)$/.exec(text) ?? [];
    if (title === undefined) return [];
    const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim();
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    const before = taken.get(slug) ?? 0;
    taken.set(slug, before + 1);
    return [before === 0 ? slug : `${slug}-${before}`];
  });
}
