import { parseAllDocuments, stringify, type Tags } from "yaml";
import { CodedError } from "../../../sidecar/kit/errors.ts";

/** One document of a stream: its value, and its text exactly as written. */
export interface Manifest {
  readonly value: unknown;
  readonly text: string;
}

/**
 * YAML 1.1 as Kubernetes' own parser reads it: `0644` is octal, `on` is true. But not base 60, which would make a
 * number of the port mapping 22:22, and no dates, which Kubernetes takes for strings.
 */
const asKubernetes = (tags: Tags): Tags =>
  tags.filter(
    (tag) =>
      typeof tag === "string" ||
      (!("format" in tag && tag.format === "TIME") && !/:(?:timestamp|binary|omap|pairs|set)$/.test(tag.tag)),
  );

/**
 * A stream of YAML or JSON documents. Their texts put together are the input again.
 * @param name of the file, for the message
 * @throws CodedError `MANIFEST_UNPARSABLE`, with line and column
 */
export function parseManifests(text: string, name: string): readonly Manifest[] {
  const documents = parseAllDocuments(text, { version: "1.1", customTags: asKubernetes, prettyErrors: true });
  const manifests: Manifest[] = [];
  let from = 0;
  // An empty stream is an object of another kind, without documents.
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error !== undefined) throw unparsable(name, error.message);
    const end = document.range[2];
    try {
      manifests.push({ value: document.toJS({ maxAliasCount: 1000 }), text: text.slice(from, end) });
    } catch (thrown) {
      throw unparsable(name, thrown instanceof Error ? thrown.message : String(thrown));
    }
    from = end;
  }
  return manifests;
}

const unparsable = (name: string, why: string): CodedError =>
  new CodedError(
    "MANIFEST_UNPARSABLE",
    `${name} is neither YAML nor JSON: ${why.split("\n")[0]?.replace(/:$/, "") ?? ""}.`,
    {
      remedy: "Correct it and try again.",
    },
  );

/** One object as a YAML document, strings quoted wherever YAML 1.1 would read something else in them. */
export const toYaml = (value: unknown): string =>
  stringify(value, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false });

/** Whether a document's text starts with the `---` that separates it from the one before. */
const hasMarker = (text: string): boolean => /^(?:#[^\n]*\n|\s)*---/.test(text);

/** A changed document in place of the original, with `---` where the original had it. */
export const separated = (body: string, original: string): string =>
  hasMarker(original) ? `---\n${body}` : body;

/** The documents of several files as one stream: a later file's first document gets the `---` that it lacks. */
export function concatenated(files: readonly (readonly Manifest[])[]): readonly Manifest[] {
  return files.flatMap((manifests, index) => {
    const [first, ...rest] = manifests;
    if (index === 0 || first === undefined || hasMarker(first.text)) return manifests;
    return [{ ...first, text: `---\n${first.text}` }, ...rest];
  });
}
