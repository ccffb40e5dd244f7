import { CodedError } from "../../../sidecar/kit/errors.ts";
import { isRecord, own, type Fields } from "../../model/read.ts";
import type { Manifest } from "./manifests.ts";

/**
 * The items of a List, or of a list of one kind such as PodList; undefined for what is no list. The API server leaves out the kind of
 * the latter's items, and kubectl gives it to them.
 */
export function itemsOf(list: Fields): readonly unknown[] | undefined {
  const [kind, items] = [own(list, "kind"), own(list, "items")];
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return undefined;
  const typed = { apiVersion: own(list, "apiVersion"), kind: kind.slice(0, -"List".length) };
  const hasKind = (item: Fields): boolean => (own(item, "kind") ?? "") !== "";
  return items.map((item: unknown) =>
    typed.kind === "" || !isRecord(item) || hasKind(item) ? item : { ...typed, ...item, ...typed },
  );
}

/**
 * The documents as they are, without the JSON patches of Kustomize in a file that nobody named.
 * @param name of their file
 * @param isNamed false for one of a folder, which may have files of other kinds
 * @throws CodedError `MANIFEST_UNPARSABLE` for one that is neither empty nor an object, and for such an item of a list: it would be
 * passed over without a word
 */
export function requireObjects(
  manifests: readonly Manifest[],
  name: string,
  isNamed: boolean,
): readonly Manifest[] {
  const wanted = isNamed ? manifests : manifests.filter(({ value }) => !isPatch(value));
  for (const { value } of wanted) if (value !== null) requireObject(value, name);
  return wanted;
}

function requireObject(value: unknown, name: string): void {
  if (isRecord(value)) return itemsOf(value)?.forEach((item) => requireObject(item, name));
  const what = value === null ? "nothing" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new CodedError(
    "MANIFEST_UNPARSABLE",
    `${name} has ${what} where an object of Kubernetes has to be.`,
    {
      remedy: isPatch(value)
        ? "A patch is no object: render it first (kustomize build FOLDER | podrole ... -f -)."
        : "Give the objects one after the other, or as the items of a List.",
    },
  );
}

/** A JSON patch (RFC 6902) changes an object, and is none. */
const isPatch = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((one) => isRecord(one) && ["op", "path"].every((key) => typeof own(one, key) === "string"));
