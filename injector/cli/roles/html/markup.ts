import { plain } from "../../print/lines.ts";

/** A piece of HTML in which every text from outside is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | undefined | Markup | readonly Markup[];

/** HTML from a template: what is filled in is text, whatever it holds, unless it is markup already. */
export const markup = (strings: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(strings.reduce((text, string, index) => text + partText(parts[index - 1]) + string));

function partText(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  return typeof part === "object" ? part.map(({ text }) => text).join("") : escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For elements and for attributes in quotes. Without control characters, and without those that turn the direction of a text round. */
export const escaped = (text: string): string =>
  plain(text.toWellFormed()).replaceAll(/[&<>"']/g, (one) => ENTITIES[one] ?? one);
