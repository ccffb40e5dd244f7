/** A scalar as Kubernetes' parser resolves it. Integers above 2^53 are bigints, so that they keep their digits. */
export type Scalar =
  | { readonly type: "null"; readonly value: null }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "int"; readonly value: number | bigint }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "str"; readonly value: string };

const words = (texts: string, scalar: Scalar): readonly (readonly [string, Scalar])[] =>
  texts.split(" ").map((text) => [text, scalar]);

const NULL: Scalar = { type: "null", value: null };

const WORDS: ReadonlyMap<string, Scalar> = new Map([
  ["", NULL],
  ...words("~ null Null NULL", NULL),
  ...words("y Y yes Yes YES true True TRUE on On ON", { type: "bool", value: true }),
  ...words("n N no No NO false False FALSE off Off OFF", { type: "bool", value: false }),
  ...words(".nan .NaN .NAN", { type: "float", value: Number.NaN }),
  ...words(".inf .Inf .INF +.inf +.Inf +.INF", { type: "float", value: Infinity }),
  ...words("-.inf -.Inf -.INF", { type: "float", value: -Infinity }),
]);

const INTEGER = /^([-+]?)(0[xX][\da-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9]\d*)$/;
/** With underscores between its digits, which Go allows here. */
const FRACTION = /^\.\d+(?:_\d+)*(?:[eE][-+]?\d+(?:_\d+)*)?$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;

/**
 * A scalar without quotes, by the rules of go-yaml v2 (its resolve.go), on which sigs.k8s.io/yaml rests. They are neither
 * YAML 1.1 nor 1.2: `0644` and `0o644` are octal, `08` is eight, `1_0` is ten, `on` is true, `190:20:30`, dates and `e1`
 * are strings.
 */
export function plainScalar(text: string): Scalar {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (/^[-+\d]/.test(text)) {
    const digits = text.replaceAll("_", "");
    return integer(digits) ?? float(digits) ?? { type: "str", value: text };
  }
  return (FRACTION.test(text) ? float(text.replaceAll("_", "")) : undefined) ?? { type: "str", value: text };
}

function integer(digits: string): Scalar | undefined {
  // Go reads the sign behind the prefix, too.
  const [, sign, magnitude] = INTEGER.exec(digits.replace(/^0b([-+])/, "$10b")) ?? [];
  if (magnitude === undefined) return undefined;
  const unsigned = BigInt(magnitude.replace(/^0(?=\d)/, "0o"));
  const value = sign === "-" ? -unsigned : unsigned;
  // int64, or uint64 if it has no sign. Go reads a larger one as a float, if it is decimal.
  if (value < -(2n ** 63n) || value >= 2n ** (sign === "" ? 64n : 63n)) return undefined;
  return { type: "int", value: Number.isSafeInteger(Number(value)) ? Number(value) : value };
}

function float(text: string): Scalar | undefined {
  const value = FLOAT.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? { type: "float", value } : undefined;
}

const TAG = "tag:yaml.org,2002:";
const RESOLVED_TAGS: ReadonlySet<string> = new Set(["null", "bool", "int", "float", "timestamp"]);

/**
 * A scalar with a tag, quoted or not. A tag that go-yaml does not know makes it a string.
 * @throws Error with a message that says what is wrong
 */
export function taggedScalar(tag: string, text: string): Scalar {
  const name = tag.startsWith(TAG) ? tag.slice(TAG.length) : "";
  if (name === "binary") return { type: "str", value: decoded(text) };
  if (!RESOLVED_TAGS.has(name)) return { type: "str", value: text };
  const scalar = plainScalar(text);
  if (scalar.type === name) return scalar;
  if (scalar.type === "int" && name === "float") return { type: "float", value: Number(scalar.value) };
  if (name === "timestamp" && TIMESTAMP.test(text)) return { type: "str", value: text };
  throw new Error(`${shown(text)} is not of type !!${name}`);
}

/** What go-yaml takes for a date. Without the tag, it is a string by all other rules too. */
const TIMESTAMP =
  /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]\d\d?:\d\d?:\d\d?(?:\.\d+)?(?:Z|[-+]\d\d:\d\d))|(?: \d\d?:\d\d?:\d\d?(?:\.\d+)?))?$/;

function decoded(base64: string): string {
  const text = base64.replaceAll(/[\r\n]/g, "");
  if (!/^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(text))
    throw new Error(`${shown(base64)} is not of type !!binary`);
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "base64"));
}

export const shown = (text: string): string => JSON.stringify(text.slice(0, 40));
