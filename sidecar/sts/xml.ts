/** An element of a document that is well-formed. */
export interface XmlElement {
  /** With its prefix, if it has one. */
  readonly name: string;
  /** All text directly inside, entities decoded. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface Open {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

const NAME = "[A-Za-z_][\\w.:-]*";
const DECLARATION = /^<\?xml\s[^?<>]*\?>/;
/** A start tag, an end tag or both in one. */
const TAG = new RegExp(`<(/?)(${NAME})((?:\\s+${NAME}\\s*=\\s*(?:"[^"<&]*"|'[^'<&]*'))*)\\s*(/?)>`, "y");
const ENTITY = /&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(\w{1,8}));|&/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
/** Characters that XML 1.0 forbids, and the byte order mark. */
// oxlint-disable-next-line eslint/no-control-regex
const FOREIGN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFEFF\uFFFE\uFFFF]/;

/**
 * Reads a small document strictly, as much of XML 1.0 as STS may use: elements, text, CDATA, comments, the five named entities
 * and numbered ones. A DOCTYPE is refused, so nothing can be defined or fetched; attributes are passed over.
 * @throws Error without a word of the document
 */
export function parseXml(source: string): XmlElement {
  if (FOREIGN.test(source)) throw notXml();
  const top: Open = { name: "", text: "", children: [] };
  const open: Open[] = [top];
  let at = DECLARATION.exec(source)?.[0].length ?? 0;
  while (at < source.length) {
    const inside = open.at(-1) ?? top;
    const tagAt = source.indexOf("<", at);
    const text = decoded(source.slice(at, tagAt === -1 ? source.length : tagAt));
    if (inside === top && text.trim() !== "") throw notXml();
    inside.text += text;
    if (tagAt === -1) break;
    at = afterMarkup(source, tagAt, open);
  }
  const [root, ...others] = top.children;
  if (root === undefined || others.length > 0 || open.length > 1) throw notXml();
  return root;
}

/** Reads the comment, the CDATA section or the tag at this place. @returns where it ends */
function afterMarkup(source: string, start: number, open: Open[]): number {
  if (source.startsWith("<!--", start)) {
    const end = source.indexOf("--", start + 4);
    if (end === -1 || source[end + 2] !== ">") throw notXml();
    return end + 3;
  }
  const inside = open.at(-1);
  if (source.startsWith("<![CDATA[", start)) {
    const end = source.indexOf("]]>", start);
    if (inside === undefined || open.length === 1 || end === -1) throw notXml();
    inside.text += source.slice(start + 9, end);
    return end + 3;
  }
  TAG.lastIndex = start;
  const [tag, closing = "", name = "", attributes = "", selfClosing = ""] = TAG.exec(source) ?? [];
  if (tag === undefined || inside === undefined) throw notXml();
  if (closing === "") {
    const element: Open = { name, text: "", children: [] };
    inside.children.push(element);
    if (selfClosing === "") open.push(element);
  } else {
    if (open.length === 1 || inside.name !== name || attributes !== "" || selfClosing !== "") throw notXml();
    open.pop();
  }
  return start + tag.length;
}

const decoded = (text: string): string =>
  text.replaceAll(ENTITY, (_, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined && Object.hasOwn(ENTITIES, name)) return ENTITIES[name] ?? "";
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
    const isCharacter = code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff);
    const character = isCharacter ? String.fromCodePoint(code) : "\0";
    if (FOREIGN.test(character)) throw notXml();
    return character;
  });

const notXml = (): Error => new Error("not XML, or not as STS writes it");

/**
 * The one element at this path, or undefined. Two of one name are refused, since two readers could choose differently.
 * @throws Error without a word of the document
 */
export function elementAt(from: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  let element: XmlElement | undefined = from;
  for (const name of path) {
    const found: readonly XmlElement[] = element.children.filter((child) => child.name === name);
    if (found.length > 1) throw notXml();
    [element] = found;
    if (element === undefined) return undefined;
  }
  return element;
}
