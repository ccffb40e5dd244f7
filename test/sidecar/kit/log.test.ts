import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { createLog, LOG_LEVELS, type Log } from "../../../sidecar/kit/log.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";

const TIME = /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/;

function ours(use: (log: Log) => void, level: (typeof LOG_LEVELS)[number] = "trace"): string {
  let text = "";
  use(createLog(level, "podrole-sidecar", (line) => (text += line)));
  return text;
}

/** With the settings of the injector's log. */
function pinos(use: (log: Log) => void): string {
  let text = "";
  const settings = {
    name: "podrole-sidecar",
    level: "trace",
    base: {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    redact: ["authorization", "*.authorization"],
  };
  use(pino(settings, { write: (line: string) => (text += line) }));
  return text;
}

const circular: Record<string, unknown> = { a: 1 };
circular["self"] = circular;
circular["within"] = [{ up: circular }];

const shared = { z: 1 };
const plain = new TypeError("not so");
const coded = new CodedError("STS_REFUSED", "STS refused.", {
  remedy: "Trust it.",
  cause: new Error("socket"),
});
const causeless = new Error("a", { cause: "b" });
const circularCause = new Error("first");
circularCause.cause = new Error("second", { cause: circularCause });

describe("a line is pino's", () => {
  const CASES: Readonly<Record<string, (log: Log) => void>> = {
    "a message alone": (log) => log.info("listening"),
    "a message with a per cent sign": (log) => log.info("100%d of %s %j"),
    "fields and a message": (log) => log.info({ port: 8090, source: "node" }, "listening"),
    "fields with a message of no letters": (log) => log.info({ a: 1 }, ""),
    "fields alone": (log) => log.warn({ port: 8090 }),
    "no fields": (log) => log.warn({}, "x"),
    "every level": (log) => {
      for (const level of LOG_LEVELS) if (level !== "silent") log[level]({ level }, level);
    },
    "fields that are called as the line's own": (log) =>
      log.info({ time: 1, name: "n", msg: "m", level: "l" }, "message"),
    "a field msg in place of a message": (log) => log.info({ msg: "m" }),
    "values of each type": (log) =>
      log.info(
        {
          nothing: undefined,
          none: null,
          call: () => 1,
          symbol: Symbol("s"),
          infinite: Infinity,
          nan: Number.NaN,
          yes: true,
          big: 12n,
          list: [1, undefined, "a"],
          date: new Date(0),
          nested: { deep: { deeper: { big: 1n } } },
          map: new Map([[1, 2]]),
          bytes: new Uint8Array([1, 2]),
        },
        "values",
      ),
    "a value twice": (log) => log.info({ list: [shared, shared], again: shared }, "twice"),
    "characters that JSON escapes": (log) =>
      log.info(
        { 'quote"': 'say "so"\n', "\u2028": "\u0000\u001f\\ é 你 \u{1f600}", lone: "\ud800" },
        'a "b"\n\ud800',
      ),
    "a long text": (log) => log.info({ text: 'x"\n'.repeat(500) }, "y\t".repeat(300)),
    secrets: (log) => log.info({ key: new Secret("k"), deep: { keys: [new Secret("k")] } }, "secret"),
    "headers with an authorization": (log) =>
      log.info({ authorization: "token", headers: { authorization: "token", host: "h" } }, "asked"),
    "an error": (log) => log.error(plain),
    "an error as a field": (log) => log.error({ err: plain, port: 1 }),
    "an error with fields and a cause": (log) => log.error({ err: coded }, "failed"),
    "an error whose cause is no error": (log) => log.error({ err: causeless }, "failed"),
    "an error by another name": (log) =>
      log.error({ error: new Error("hidden"), list: [new Error("hidden")] }, "failed"),
    "a value that is its own part": (log) => log.info({ list: [[circular, circular]] }, "round"),
    "a value whose toJSON throws": (log) => log.info({ bad: { toJSON: thrower }, good: 1 }, "hostile"),
  };

  test.for(Object.entries(CASES))("for %s", ([, use]) => {
    const [mine, theirs] = [ours(use), pinos(use)];
    expect(mine).toMatch(TIME);
    const untimed = (text: string): string => text.replaceAll(new RegExp(TIME, "g"), '"time":""');
    expect(untimed(mine)).toBe(untimed(theirs));
  });
});

function thrower(): never {
  throw new Error("hostile");
}

describe("where pino would throw, a line has what can be printed", () => {
  const hostile = new Proxy({}, { ownKeys: thrower, get: thrower });
  const getter = Object.defineProperty({ good: 1 }, "bad", { enumerable: true, get: thrower });
  let deep: object = {};
  for (let depth = 0; depth < 20_000; depth += 1) deep = { deep };

  test.for([
    [
      "a getter within",
      { getter, good: 1 },
      { getter: expect.stringContaining("unable") as string, good: 1 },
    ],
    ["a getter", getter, { good: 1, bad: expect.stringContaining("unable") as string }],
    ["a proxy", hostile, { fields: expect.stringContaining("unable") as string }],
    ["a proxy within", { hostile }, { hostile: expect.stringContaining("unable") as string }],
    ["a very deep value", { deep, good: 1 }, { good: 1 }],
    ["an error of causes that go round", { err: circularCause }, { err: { message: "first: second" } }],
    ["a prototype of null", Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
  ] as const)("for %s", ([, fields, expected]) => {
    const text = ours((log) => log.info(fields, "hostile"));
    expect(text.endsWith("}\n")).toBe(true);
    expect(JSON.parse(text)).toMatchObject({ level: "info", ...expected, msg: "hostile" });
  });
});

test.for(LOG_LEVELS)("the level %s leaves out what is less", (level) => {
  const text = ours((log) => {
    for (const one of LOG_LEVELS) if (one !== "silent") log[one](one);
  }, level);
  const written = text
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(written).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)).filter((one) => one !== "silent"));
});
