import { messageOf } from "../../../sidecar/kit/errors.ts";
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  visit,
  type Alias,
  type Document,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { keyText } from "./yaml-key.ts";
import { plainScalar, shown, taggedScalar, type Scalar as Resolved } from "./yaml-scalar.ts";

/** A part of a document that has no place in JSON. */
export class NotJson extends Error {
  /** Where it is in the document's text. */
  readonly offset: number;

  constructor(message: string, node: unknown) {
    super(message);
    this.offset = isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0;
  }
}

/**
 * The value of a document as sigs.k8s.io/yaml converts it to JSON (go-yaml v2's decode.go). Of two equal keys the last
 * counts, a merge key overwrites the keys before it, every key becomes a string, and the tag of a map or list means nothing.
 * @param document parsed with the schema `failsafe`, which leaves each scalar its text
 * @param source the text that it was parsed from
 * @throws NotJson
 */
export function valueOf(document: Document, source: string): unknown {
  const targets = aliasTargets(document);
  const open = new Set<Alias>();
  const count = { all: 0, byAlias: 0 };

  function decode(node: unknown): unknown {
    bound(node);
    if (isAlias(node)) return through(node, decode);
    if (isScalar(node)) return jsonValue(resolved(node), node);
    if (isSeq(node)) {
      if (node.flow === true) node.items.forEach(refuseOdd);
      return node.items.map(decode);
    }
    if (!isMap(node)) return null;
    const entries = new Map<string, unknown>();
    addEntries(node, entries);
    return Object.fromEntries(entries);
  }

  function addEntries(map: YAMLMap, entries: Map<string, unknown>): void {
    for (const { key, value } of map.items) {
      if (map.flow === true) [key, value].forEach(refuseOdd);
      if (isMergeKey(key)) merge(value, entries);
      else entries.set(keyOf(key), decode(value));
    }
  }

  function keyOf(node: unknown): string {
    const key = isAlias(node) ? targets.get(node) : node;
    if (isMap(key) || isSeq(key)) throw new NotJson("a key is a map or a list", node);
    return saying(node, () => keyText(isScalar(key) ? resolved(key) : plainScalar("")));
  }

  function merge(node: unknown, entries: Map<string, unknown>): void {
    bound(node);
    if (isMap(node)) addEntries(node, entries);
    else if (isAlias(node) && isMap(targets.get(node))) through(node, (map) => merge(map, entries));
    // Backwards: the first of several maps wins.
    else if (isSeq(node) && !node.items.some(isSeq))
      for (const one of node.items.toReversed()) merge(one, entries);
    else throw new NotJson("a merge key (<<) needs a map or a list of maps", node);
  }

  /**
   * In braces and brackets, `{a:, ?b, !!str, c}` has the keys `a:`, `b` and `c` there, where the comma belongs to the tag. The parser
   * that is used here reads `a`, `?b`, an empty string and `c`.
   */
  function refuseOdd(node: unknown): void {
    if (!isScalar(node) || isQuoted(node) || node.range == null) return;
    if (/^:[,[\]{}]/.test(source.slice(node.range[1], node.range[1] + 2)))
      throw new NotJson("a colon needs a space behind it", node);
    if (node.tag !== undefined && node.source === "") throw new NotJson("a tag needs a value here", node);
    if (node.source?.startsWith("?") === true)
      throw new NotJson("a text that begins with ? needs quotes here", node);
  }

  function through<T>(alias: Alias, then: (target: unknown) => T): T {
    if (open.has(alias)) throw new NotJson(`the anchor ${shown(alias.source)} contains itself`, alias);
    open.add(alias);
    const result = then(targets.get(alias));
    open.delete(alias);
    return result;
  }

  function bound(node: unknown): void {
    count.all++;
    if (open.size > 0) count.byAlias++;
    if (count.byAlias > 100 && count.all > 1000 && count.byAlias > count.all * allowedAliasRatio(count.all))
      throw new NotJson("its aliases multiply", node);
  }

  return decode(document.contents);
}

/** go-yaml's bound on aliases of aliases: 99 % of what is decoded, in large documents 10 %. */
const allowedAliasRatio = (decoded: number): number =>
  0.99 - 0.89 * Math.min(1, Math.max(0, (decoded - 400_000) / 3_600_000));

/** An alias means the last anchor of its name that stands before it. */
function aliasTargets(document: Document): ReadonlyMap<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  visit(document, {
    Alias: (_, alias) => {
      if (!anchors.has(alias.source)) throw new NotJson(`there is no anchor ${shown(alias.source)}`, alias);
      targets.set(alias, anchors.get(alias.source));
    },
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

const isQuoted = ({ type }: Scalar): boolean => type !== undefined && type !== "PLAIN";

const isMergeKey = (key: unknown): boolean =>
  isScalar(key) &&
  key.source === "<<" &&
  (key.tag === undefined ? !isQuoted(key) : key.tag === "!" || key.tag === "tag:yaml.org,2002:merge");

function resolved(node: Scalar): Resolved {
  const text = node.source ?? "";
  if (!text.isWellFormed()) throw new NotJson("a string has half of a surrogate pair", node);
  if (node.tag !== undefined) return saying(node, () => taggedScalar(node.tag ?? "", text));
  return isQuoted(node) ? { type: "str", value: text } : plainScalar(text);
}

function jsonValue({ value }: Resolved, node: Scalar): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new NotJson(`${shown(node.source ?? "")} is a number that JSON does not have`, node);
}

function saying<T>(node: unknown, what: () => T): T {
  try {
    return what();
  } catch (error) {
    throw new NotJson(messageOf(error), node);
  }
}
