import { isDeepStrictEqual } from "node:util";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import { toYaml } from "../../input/yaml-text.ts";

/** One line of a diff: added, taken away, context, or in the place of lines left out. */
export interface DiffLine {
  readonly sign: "+" | "-" | " " | "…";
  readonly text: string;
  /** What it is for, for those who see the line for the first time. */
  readonly comment?: string;
}

/** In the order a person writes them; the rest follows as it comes. */
const ORDER = [
  "apiVersion",
  "kind",
  "name",
  "generateName",
  "namespace",
  "image",
  "metadata",
  "spec",
  "initContainers",
  "containers",
  "volumes",
];
/** Which of several things this is: shown wherever there is something to show inside it. */
const IDENTITY = new Set(["name", "image", "generateName"]);
/** How many lines an unchanged neighbour of a change may take to be shown as context. */
const CONTEXT = { map: 1, list: 3 } as const;

/** A container or volume that a reader has seen in full already, and in which file's diff. */
export interface Seen {
  readonly object: Fields;
  readonly where: string;
}

interface Options {
  readonly seen: ReadonlyMap<string, Seen>;
  readonly context: { readonly map: number; readonly list: number };
}

/**
 * What turns one object into the other, as YAML with signs. By structure, not by lines: list items are matched by
 * their names, so that a container put before others reads as that container and nothing else.
 * @param seen by name, additions of which only what is different is shown
 */
export function diffObjects(
  before: Fields,
  after: Fields,
  seen: ReadonlyMap<string, Seen> = new Map(),
): readonly DiffLine[] {
  return isDeepStrictEqual(before, after) ? [] : diffMap(before, after, 0, { seen, context: CONTEXT });
}

/** An entry of a map or a list, and the lines it takes. */
interface Entry {
  readonly lines: readonly DiffLine[];
  readonly isChanged: boolean;
  readonly isIdentity: boolean;
}

function diffMap(before: Fields, after: Fields, indent: number, options: Options): readonly DiffLine[] {
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const keys = [...removed, ...Object.keys(after)];
  const rank = (key: string): number => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
  const entries = keys
    .sort((a, b) => rank(a) - rank(b))
    .map((key) => entryOf(key, own(before, key), own(after, key), indent, options));
  const shown = marked(entries, options.context.map);
  // That a map has more before and behind goes without saying.
  const inside = shown.slice(
    shown.findIndex(({ isShown }) => isShown),
    shown.findLastIndex(({ isShown }) => isShown) + 1,
  );
  return linesWithout(inside, indent);
}

function entryOf(key: string, before: unknown, after: unknown, indent: number, options: Options): Entry {
  const isIdentity = IDENTITY.has(key);
  const whole = (sign: "+" | "-" | " ", value: unknown) => linesOf(sign, { [key]: value }, indent);
  if (isDeepStrictEqual(before, after)) return { lines: whole(" ", after), isChanged: false, isIdentity };
  const changed = (lines: readonly DiffLine[]): Entry => ({ lines, isChanged: true, isIdentity });
  const title = (sign: "+" | " "): DiffLine => ({ sign, text: `${" ".repeat(indent)}${key}:` });
  if (isRecord(before) && isRecord(after) && Object.keys(before).length > 0) {
    return changed([title(" "), ...diffMap(before, after, indent + 2, options)]);
  }
  const list: unknown = before ?? [];
  if (Array.isArray(list) && Array.isArray(after) && after.length > 0) {
    const sign = list.length === 0 ? "+" : " ";
    return changed([title(sign), ...diffList(list, after, indent + 2, options)]);
  }
  return changed([
    ...(before === undefined ? [] : whole("-", before)),
    ...(after === undefined ? [] : whole("+", after)),
  ]);
}

function diffList(
  before: readonly unknown[],
  after: readonly unknown[],
  indent: number,
  options: Options,
): readonly DiffLine[] {
  const twins = new Set<unknown>();
  const entries = after.map((item): Entry => {
    const twin = before.find((other) => !twins.has(other) && isSame(other, item));
    if (twin === undefined)
      return { lines: added(item, indent, options), isChanged: true, isIdentity: false };
    twins.add(twin);
    if (isDeepStrictEqual(twin, item) || !isRecord(twin) || !isRecord(item)) {
      return { lines: linesOf(" ", [item], indent), isChanged: false, isIdentity: false };
    }
    return {
      lines: asItem(diffMap(twin, item, indent + 2, options), indent),
      isChanged: true,
      isIdentity: false,
    };
  });
  const gone = before
    .filter((item) => !twins.has(item))
    .map((item): Entry => ({ lines: linesOf("-", [item], indent), isChanged: true, isIdentity: false }));
  return linesWithout(marked([...gone, ...entries], options.context.list), indent);
}

/** A new list item; of one seen before, what it is and where it differs. */
function added(item: unknown, indent: number, { seen }: Options): readonly DiffLine[] {
  const name = isRecord(item) ? own(item, "name") : undefined;
  const before = typeof name === "string" ? seen.get(name) : undefined;
  if (before === undefined || !isRecord(item)) return linesOf("+", [item], indent);
  const differences = diffMap(before.object, item, indent + 2, {
    seen: new Map(),
    context: { map: 0, list: 0 },
  });
  const [first, ...rest] = asItem(differences, indent)
    .filter(({ sign }) => sign !== "-")
    .map(({ text }): DiffLine => ({ sign: "+", text }));
  return first === undefined ? [] : [{ ...first, text: `${first.text}  # … as in ${before.where}` }, ...rest];
}

const isSame = (a: unknown, b: unknown): boolean =>
  isRecord(a) && isRecord(b) && own(a, "name") !== undefined
    ? own(a, "name") === own(b, "name")
    : isDeepStrictEqual(a, b);

/** The dash of a list item, on the first line of its map. */
const asItem = ([first, ...rest]: readonly DiffLine[], indent: number): readonly DiffLine[] =>
  first === undefined
    ? rest
    : [{ ...first, text: `${" ".repeat(indent)}- ${first.text.slice(indent + 2)}` }, ...rest];

interface Marked extends Entry {
  readonly isShown: boolean;
}

/** What is unchanged stays where it tells which thing this is, or stands short beside a change. */
const marked = (entries: readonly Entry[], contextMax: number): readonly Marked[] =>
  entries.map((entry, index) => {
    const neighbours = [entries[index - 1], entries[index + 1]];
    const isContext = entry.lines.length <= contextMax && neighbours.some((one) => one?.isChanged === true);
    return { ...entry, isShown: entry.isChanged || entry.isIdentity || isContext };
  });

function linesWithout(entries: readonly Marked[], indent: number): readonly DiffLine[] {
  const elision: DiffLine = { sign: "…", text: `${" ".repeat(indent)}…` };
  return entries.flatMap(({ isShown, lines }, index) => {
    if (isShown) return lines;
    return index > 0 && entries[index - 1]?.isShown === false ? [] : [elision];
  });
}

function linesOf(sign: "+" | "-" | " ", value: unknown, indent: number): readonly DiffLine[] {
  const margin = " ".repeat(indent);
  return toYaml(value)
    .trimEnd()
    .split("\n")
    .map((line) => ({ sign, text: margin + line }));
}
