/** Readers for untrusted objects: only own properties, and every type is checked. */

export type Fields = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An own property; `__proto__` and `constructor` are keys like any other here. */
export const own = (object: Fields, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** An object that stands under a key, or an empty one. */
export function fieldsIn(object: Fields, key: string): Fields {
  const fields = own(object, key);
  return isRecord(fields) ? fields : {};
}

export const metadataOf = (object: Fields): Fields => fieldsIn(object, "metadata");

/** `metadata.name` as a text, whatever its type. */
export const nameOf = (object: Fields): string => String(own(metadataOf(object), "name"));

/** The objects in a list that stands under a key. */
export function recordsIn(object: Fields, key: string): readonly Fields[] {
  const list = own(object, key);
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

/** The entries whose values are strings, on an object without a prototype. */
export function stringMap(value: unknown): Readonly<Record<string, string>> {
  const map: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isRecord(value)) return map;
  for (const [key, entry] of Object.entries(value)) if (typeof entry === "string") map[key] = entry;
  return map;
}

export const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
