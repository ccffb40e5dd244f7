/** Integers above 2^53 are bigints: as numbers they would lose digits, and a field of Kubernetes may have 64 bits. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  // Half of a surrogate pair becomes U+FFFD, as in Go.
  if (typeof value === "string") return value.toWellFormed();
  const source = context?.source ?? "";
  return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value;
}

/** The object of a JSON text, or undefined where the text is not JSON, or not an object. */
export function parseJsonObject(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text, exactly);
  } catch {
    return undefined;
  }
}

/** The texts of JSON objects that follow one another, as `jq -c` writes them; the whole text where there are no several. */
export function jsonObjects(text: string): readonly string[] {
  if (!/^\s*\{/.test(text)) return [text];
  const pieces: string[] = [];
  let [start, depth] = [0, 0];
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/gs)) {
    if (token === "{") depth++;
    if (token !== "}" || --depth > 0) continue;
    pieces.push(text.slice(start, index + 1));
    start = index + 1;
  }
  const last = pieces.pop();
  return last === undefined || pieces.length === 0 ? [text] : [...pieces, last + text.slice(start)];
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** The value as indented JSON, bigints with all their digits. */
export const toJson = (value: unknown): string =>
  JSON.stringify(
    value,
    (_, part: unknown) =>
      typeof part === "bigint" ? (JSON as unknown as RawJson).rawJSON(String(part)) : part,
    2,
  );
