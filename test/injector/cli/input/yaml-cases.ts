/** Scalars that YAML parsers read differently. Each is tried as a value and as a key. */
const WORDS =
  "y Y yes Yes YES yEs n N no No NO true True TRUE tRue false False FALSE on On ON oN off Off OFF ~ ~a null Null NULL nULL nil " +
  ".nan .NaN .NAN nan NaN .inf .Inf .INF +.inf -.inf -.Inf inf Infinity = << a e1 E10 -e3 +e1 e .e1 -.e1 1e e3.0";

const INTEGERS =
  "0 00 -0 +0 1 +1 -1 08 09 -08 0644 -0644 +0644 0_644 0_8 0o644 0O644 -0o644 0o8 0o 0b11 -0b11 +0b11 0B11 0b 0b12 0b-1 0b+1 -0b-1 " +
  "0x1F 0X1f -0x1f +0x1f 0x 0x_1 0xg 1_000 1__0 1_ _1 +_1 - + -- 1,000 12345678901234567890 9007199254740991 9007199254740992 " +
  "9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 " +
  "18446744073709551615 18446744073709551616 +18446744073709551615 0xffffffffffffffff 0x10000000000000000 " +
  "0777777777777777777777 07777777777777777777777 022222222222222222222222 123456789012345678901234567890 22:22 190:20:30 -1:30 1:2:3";

const FLOATS =
  ".5 +.5 -.5 5. -5. . .. ... .5_0 ._5 -._5 .5_ 0.1 0.10 1.10 -0.0 1_0.5 1e3 1E3 1e+3 1e-3 1.5e3 .5e3 1e3.5 1e400 -1e400 1e-400 1e21 1e22 " +
  "100000.0 1000000.0 999999.5 123456789.5 0.0001 0.00001 16777217.0 3.4028235677973366e+38 3.5e38 1e-46 08.5 0x1.8p1 1.2.3 10.0.0.1 1.0-rc1";

const DATES =
  "2001-01-01 2001-1-1 2001-13-45 2001-12-14t21:59:43.10-05:00 2001-01-01T00:00:00Z 12:30 12:30:45 20:03:20 2001-01";

const QUOTED = [
  `'yes'`,
  `"1"`,
  `'0644'`,
  `"null"`,
  `''`,
  `""`,
  `'it''s'`,
  `"a\\tb\\n"`,
  `"\\x41\\u00e9\\U0001F600"`,
  `"\\L\\P\\N\\_"`,
  `"\\0\\a\\e"`,
  `"a\\\n  b"`,
  `"\\z"`,
  `"\\ud800"`,
  `'a\n\n  b'`,
];

const TAGGED = [
  "!!str 1",
  "!!str yes",
  "!!str",
  "!!str ''",
  '!!int "3"',
  "!!int 3",
  "!!int 08",
  "!!int x",
  "!!int",
  "!!float 3",
  "!!float 0x10",
  "!!float 9007199254740993",
  "!!float x",
  "!!bool yes",
  "!!bool 'no'",
  "!!bool 1",
  "!!null ~",
  "!!null ''",
  "!!null x",
  "!!binary aGVsbG8=",
  "!!binary aGVsbG8",
  "!!binary '*'",
  "!!timestamp 2001-01-01",
  "!!timestamp x",
  "!own 12",
  "! 12",
  "!<tag:yaml.org,2002:int> '7'",
];

const TEXTS = [
  "ü",
  "😀",
  "a b",
  "a\tb",
  "a:b",
  "a::b",
  "a#b",
  "-a",
  "?a",
  ":a",
  "a,b",
  "a[0]",
  "$(X)",
  "{{x}}",
  "@a",
  "`a`",
  "%a",
  "&",
  "\\x",
  "\u00a0",
  "a\u0085b",
  "a\u2028b",
  "\ufeffa",
  "\u0007",
  "\u007f",
];

export const SCALARS: readonly string[] = [
  ...[WORDS, INTEGERS, FLOATS, DATES].flatMap((words) => words.split(" ")),
  ...QUOTED,
  ...TAGGED,
  ...TEXTS,
];

/** Whole streams. */
const STREAMS = [
  // block scalars
  "k: |\n  a\n  b\n",
  "k: |-\n  0644\n",
  "k: >\n  a\n  b\n\n  c\n",
  "k: |+\n  a\n\n",
  "k: |2\n   a\n",
  "k: |\n\n  a\n",
  "k: >-\n  yes\n",
  "k: |\n  a\n---\nk: b\n",
  "k: |\n  # no comment\n  a: b\n",
  "k: a\n  b\n",
  "k: |\n",
  "k: |\n  a \n\n  b\t\n",
  // collections
  "k: [1, yes, ~, 'x', 0644]\n",
  "k: [a, , b]\n",
  "k: [a, b,]\n",
  "k: {a: 1, b}\n",
  "k: {}\n",
  "k: []\n",
  "k: [a: b]\n",
  "k:\n- a\n- - b\n",
  "k: {a:1}\n",
  'k: {"a":1}\n',
  "? k\n: v\n",
  "? [a]\n: v\n",
  "? {a: b}\n: v\n",
  "k: - a\n",
  "k: a: b\n",
  "a\nb\n",
  "k: [a\n",
  "k: {a\n",
  // keys
  "k: 1\nk: 2\n",
  "k: {a: 1, a: 2}\n",
  "kind: A\nkind: B\nkind: C\n",
  "true: a\nyes: b\n",
  "'': a\n",
  ": a\n",
  "k:\n",
  '"k" : v\n',
  // anchors and merge keys
  "a: &x 1\nk: *x\n",
  "a: &x {b: 1}\nk: *x\n",
  "k: *x\n",
  "a: &x 1\nb: &x 2\nk: *x\n",
  "a: &x [*x]\n",
  "a: &x {b: *x}\n",
  "a: &x e1\n*x : v\n",
  "a: &x {b: 1, c: 2}\nk: {<<: *x, b: 3}\n",
  "a: &x {b: 1}\nk: {b: 3, <<: *x}\n",
  "k: {<<: {a: 1}, b: 2}\n",
  "k: {<<: [{a: 1}, {a: 2, b: 3}]}\n",
  "k: {<<: 1}\n",
  "k: {<<: [1]}\n",
  "k: {'<<': {a: 1}}\n",
  "k: {!!merge <<: {a: 1}}\n",
  "k: {!!str <<: {a: 1}}\n",
  "k: {<<: {a: 1}, <<: {a: 2}}\n",
  "a: &x 1\nk: {<<: *x}\n",
  // tags on collections
  "k: !!map {a: 1}\n",
  "k: !!seq [1]\n",
  "k: !!set {a}\n",
  "k: !!omap [a: 1]\n",
  "k: !own [1]\n",
  "k: !!str [1]\n",
  // comments, tabs, indentation, line breaks
  "# only\n",
  "",
  "\n\n",
  "k: v # c\n",
  "k: v#c\n",
  "k: 'v' # c\n",
  "k:\tv\n",
  "k: v\t\n",
  "k:\n\tv: 1\n",
  "\tk: v\n",
  "k:\n   a: 1\n  b: 2\n",
  "k: v\r\nl: 1\r\n",
  "k: |\r\n  a\r\n  b\r\n",
  "k: v\rl: 1\r",
  "\ufeffk: e1\n",
  "k: v",
  // streams
  "---\nk: 1\n---\nk: 2\n",
  "--- # c\nk: 1\n---\n",
  "k: 1\n...\nl: 2\n",
  "k: 1\n...\n---\nk: 2\n",
  "---\n---\nk: 1\n",
  "k: 1\n--- \nk: 2",
  "---\n# c\n---\nk: ~\n",
  // JSON
  '{"k": 1, "l": [true, null, "\\u00e9\\/\\ud83d\\ude00"]}',
  '{"k": 9007199254740993, "l": 1e3, "m": -0.5}\n',
  '\n {"k": "e1",\n\t"l": {}}\n',
  '{"k": 1}\n{"k": "}{"}\n',
  '{"k": {"l": {}}}{"k": "\\\\"} {"k": 3}',
  '{"k": 1}\n{"k": [}\n',
  '{"k": 1, "k": 2}',
  '{"kind": "A"}\n---\n{"kind": "B"}\n',
  '{"k": 1,}',
  "{k: e1}\n",
  '{"k": .nan}',
];

/** Every text that is held against Kubernetes' own parser. A key stands on one line. */
export const CASES: readonly string[] = [
  ...SCALARS.map((scalar) => `k: ${scalar}\n`),
  ...SCALARS.filter((scalar) => !scalar.includes("\n")).map((scalar) => `? ${scalar}\n: v\n`),
  ...STREAMS,
];

/** Texts with each scalar in many places. They are compared only where Go is at hand. */
export const IN_MANY_PLACES: readonly string[] = SCALARS.flatMap((scalar) => [
  `k: [${scalar}, 1]\n`,
  `k: [1, ${scalar}]\n`,
  `k: {a: ${scalar}, b: 1}\n`,
  `k: {a: ${scalar}}\n`,
  `k: {${scalar}: 1}\n`,
  `k: {${scalar}, a}\n`,
  `k: [${scalar}: 1]\n`,
  `- ${scalar}\n- - ${scalar}\n`,
  `k:\n  ${scalar}\n`,
  `k: ${scalar} # ${scalar}\nl: 1\n`,
  `a: &x ${scalar}\nk: *x\n`,
  `k: ${scalar}\t\n`,
  `k:\r\n- ${scalar}\r\n`,
  `k: |\n  ${scalar}\nl: >-\n  ${scalar}\n`,
  `${scalar}: ${scalar}\n`,
  `k: ${scalar}${scalar}\n`,
  `k: ${scalar} ${scalar}\n`,
  `k: ${scalar}:${scalar}\n`,
]);

const TEXTS_TO_WRITE = CASES.flatMap((text) => [text, text.trim(), text.slice(3).trim().toWellFormed()]);

/** An object that is hard to write: with each of the texts as a value and as a key. */
export const WITH_TEXTS: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(TEXTS_TO_WRITE.map((text) => [text, { [text]: text }])),
  list: TEXTS_TO_WRITE,
};
