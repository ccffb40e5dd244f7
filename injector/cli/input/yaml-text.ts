import { stringify, type ScalarTag, type Tags } from "yaml";
import { plainScalar } from "./yaml-scalar.ts";

/** What Kubernetes' parser takes as it stands: no control characters, and none of its line breaks but `\\n`. */
const PRINTABLE = /^[\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;

/** Characters that a JSON string may hold as they are, and a YAML document may not. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Whether the library's choice of quotes is right for Kubernetes' parser, too. */
const isReadAsWritten = (text: string): boolean =>
  plainScalar(text).type === "str" && text !== "<<" && PRINTABLE.test(text) && !/^[ \n]/.test(text);

/** The library's tag, which quotes what its own parser would misread, with quotes as Kubernetes' parser needs them. */
const withQuotes = (tag: ScalarTag): ScalarTag => ({
  ...tag,
  stringify: (item, ...context) =>
    isReadAsWritten(String(item.value))
      ? (tag.stringify?.(item, ...context) ?? quoted(String(item.value)))
      : quoted(String(item.value)),
});

const isScalarTag = (tag: Tags[number]): tag is ScalarTag =>
  typeof tag === "object" && "tag" in tag && tag.collection === undefined;

/** One object as a YAML document. Kubernetes' parser reads the same object in it. */
export const toYaml = (value: unknown): string =>
  stringify(value, {
    schema: "failsafe",
    customTags: (tags) => [
      ...tags.map((tag) => (isScalarTag(tag) ? withQuotes(tag) : tag)),
      "null",
      "bool",
      "int",
      "float",
    ],
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
