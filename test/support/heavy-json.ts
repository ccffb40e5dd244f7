/** JSON that takes much memory for its length, each kind in its own way. */

const repeated = (one: (n: number) => string, bytes: number): string => {
  const parts: string[] = [];
  for (let length = 0, n = 0; length < bytes; n += 1) {
    const part = one(n);
    parts.push(part);
    length += part.length + 1;
  }
  return parts.join();
};

const listOf =
  (one: (n: number) => string) =>
  (bytes: number): string =>
    `[${repeated(one, bytes)}]`;

/** No key twice in any of the objects. */
const key = (n: number): string => `"k${n.toString(36)}"`;
const keys = (count: number, from: number): string =>
  Array.from({ length: count }, (_, index) => `${key(from + index)}:0`).join();
/** Ten keys in another order in each object. */
const shuffled = (n: number): string => {
  const left = "abcdefghij".split("");
  const order = Array.from({ length: 10 }, (_, index) => left.splice((n >> (2 * index)) % left.length, 1)[0]);
  return order.map((name) => `"${name}":0`).join();
};
const nested = (bytes: number, open: string, close: string): string => {
  const levels = Math.min(900, Math.floor(bytes / (open.length + close.length)));
  return listOf(() => `${open.repeat(levels)}0${close.repeat(levels)}`)(bytes);
};
const withNumber = (index: number) => listOf(() => `{"${index}":0}`);

/** Each makes a text of about so many bytes. */
export const HEAVY: Readonly<Record<string, (bytes: number) => string>> = {
  "empty objects": listOf(() => "{}"),
  "empty lists": listOf(() => "[]"),
  "lists of one": listOf(() => "[0]"),
  "lists in lists": (bytes) => nested(bytes, "[", "]"),
  "objects in objects": (bytes) => nested(bytes, '{"":', "}"),
  "small numbers": listOf(() => "0"),
  fractions: (bytes) => `[null,${listOf(() => "0.5")(bytes)}]`,
  "fractions among others": (bytes) => `[null,${repeated(() => "0.5", bytes)}]`,
  "short texts": listOf((n) => `"${n.toString(36)}"`),
  "empty texts": listOf(() => '""'),
  "a long text": (bytes) => `["${"x".repeat(bytes)}"]`,
  "a long text of two bytes for each character": (bytes) => `["\\u4e00${"x".repeat(bytes)}"]`,
  "objects with the same key": listOf(() => '{"":0}'),
  "objects with keys of their own": listOf((n) => `{${key(n)}:0}`),
  "objects in objects with keys of their own": listOf((n) => `{${key(n)}:{}}`),
  "long keys that begin alike": listOf((n) => `{"${"k".repeat(64)}${n.toString(36)}":0}`),
  "10 keys in each object": listOf((n) => `{${keys(10, 10 * n)}}`),
  "100 keys in each object": listOf((n) => `{${keys(100, 100 * n)}}`),
  "900 keys in each object": listOf((n) => `{${keys(900, 900 * n)}}`),
  "the same 1,000 keys in each object": listOf(() => `{${keys(1000, 0)}}`),
  "the same keys in another order": listOf((n) => `{${shuffled(n)}}`),
  "more keys in each object": listOf((n) => `{${keys(1 + (n % 200), 0)}}`),
  "one object of many keys": (bytes) => `{${repeated((n) => `${key(n)}:0`, bytes)}}`,
  "one object of one key": (bytes) => `{${repeated(() => '"a":0', bytes)}}`,
  "one object of many numbers": (bytes) => `{${repeated((n) => `"${n * 2000}":0`, bytes)}}`,
  ...Object.fromEntries(
    [0, 9, 17, 33, 35, 99, 300, 600, 999, 9999, 99_999_999].map((index) => [
      `the number ${index} as a key`,
      withNumber(index),
    ]),
  ),
  "the number 39 as a key, with an escape": listOf(() => String.raw`{"\u00339":0}`),
  "two numbers as keys": listOf(() => '{"0":0,"99":0}'),
  "values of changing kinds": listOf((n) => `{"a":${["0", "0.5", '"x"', "{}"][n % 4]}}`),
};
