import { parseAllDocuments } from "yaml";
import { CodedError, messageOf } from "../../../sidecar/kit/errors.ts";
import { jsonObjects, parseJsonObject } from "./json.ts";
import { NotJson, valueOf } from "./yaml-value.ts";

/** One document of a stream: its value, and its text exactly as written. */
export interface Manifest {
  readonly value: unknown;
  readonly text: string;
}

/** As kubectl splits a stream: each document but the first begins with its `---`. */
const BEFORE_SEPARATOR = /(?<=\n)(?=---)/;

/** What Kubernetes' parser takes for a line break like any other. */
const LINE_BREAK = /\r\n?|\u0085/g;

/**
 * Control characters, which Kubernetes' parser refuses, and U+2028 and U+2029, which end a line there and yet stay in the
 * text. In double quotes they can be written as `\xNN`, `\L` and `\P`.
 */
const UNREADABLE = /(?![\t\n])\p{Cc}|[\u2028\u2029\ufffe\uffff]/u;

/**
 * A stream of YAML or JSON documents, read as kubectl reads it. Their texts put together are the input again, but JSON objects that
 * follow one another get the `---` that YAML documents among them will need.
 * @param name of the file, for the message
 * @throws CodedError `MANIFEST_UNPARSABLE`, with line and column
 */
export function parseManifests(stream: string, name: string): readonly Manifest[] {
  let linesBefore = 0;
  return stream.split(BEFORE_SEPARATOR).flatMap((text) => {
    const before = linesBefore;
    linesBefore += text.split("\n").length - 1;
    const object = parseJsonObject(text);
    if (object !== undefined) return [{ value: object, text }];
    const objects = severalObjects(text);
    if (objects !== undefined) return objects;
    return [{ value: parseYaml(text.replaceAll(LINE_BREAK, "\n"), name, before), text }];
  });
}

/** The JSON objects of a text that has more than one. */
function severalObjects(text: string): readonly Manifest[] | undefined {
  const texts = jsonObjects(text);
  const values = texts.map(parseJsonObject);
  if (texts.length === 1 || values.includes(undefined)) return undefined;
  return texts.map((one, index) => ({
    value: values[index],
    text: `${index === 0 ? "" : "---\n"}${one.trim()}\n`,
  }));
}

/** Only the first document counts: behind the `...` that ends it, Kubernetes' parser reads nothing. */
function parseYaml(text: string, name: string, linesBefore: number): unknown {
  const failed = (offset: number, why: string): CodedError => {
    const lines = text.slice(0, offset).split("\n");
    const where = `line ${linesBefore + lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
    const message = `${name} is not YAML or JSON as Kubernetes reads it, at ${where}: ${why}.`;
    return new CodedError("MANIFEST_UNPARSABLE", message, { remedy: "Correct it and try again." });
  };
  const unreadable = text.search(UNREADABLE);
  if (unreadable !== -1)
    throw failed(unreadable, `it may not contain the character ${codeOf(text, unreadable)}`);
  const [document] = parseAllDocuments(text, {
    schema: "failsafe",
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
  });
  if (document === undefined) return null;
  const [error] = document.errors;
  if (error !== undefined) throw failed(error.pos[0], error.message);
  try {
    return valueOf(document, text);
  } catch (thrown) {
    const why = messageOf(thrown);
    throw failed(thrown instanceof NotJson ? thrown.offset : 0, why);
  }
}

const codeOf = (text: string, at: number): string =>
  `U+${text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0")}`;

const isMarked = (text: string): boolean => text.startsWith("---");

/** A changed document in place of the original, with `---` where the original had it. */
export const separated = (body: string, original: string): string =>
  isMarked(original) ? `---\n${body}` : body;

/** The documents of several files as one stream: a later file's first document gets the `---` that it lacks. */
export function concatenated(files: readonly (readonly Manifest[])[]): readonly Manifest[] {
  return files.flatMap((manifests, index) => {
    const [first, ...rest] = manifests;
    if (index === 0 || first === undefined || isMarked(first.text)) return manifests;
    return [{ ...first, text: `---\n${first.text}` }, ...rest];
  });
}
