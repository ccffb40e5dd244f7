import { randomInt } from "node:crypto";

/**
 * What JSON takes in V8's heap once it is parsed, in bytes. Each figure is an upper bound for the worst shape that was
 * found, and `weight.process.test.ts` measures the shapes again with this Node. The worst takes 39 times its length.
 */
const COST = {
  /** In texts; two bytes for each character where one of them is not Latin-1. */
  byte: 2,
  text: 16,
  /** With the slots that V8 keeps free in it. */
  object: 56,
  list: 56,
  /** A place in a list, or a number that is no small integer. */
  comma: 24,
  key: 24,
  /** A key with which no object has gone on in the same way: V8 makes a hidden class. */
  newKey: 120,
  /** A key that is a number: V8 makes a table with room for 35 elements. */
  number: 264,
} as const;

/** Deeper than any object of an API server by far. What compares, copies or writes objects calls itself at each level. */
const DEPTH_MAX = 1000;

const [QUOTE, BACKSLASH, ZERO, NINE] = [0x22, 0x5c, 0x30, 0x39];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST, COLON, COMMA] = [0x7b, 0x7d, 0x5b, 0x5d, 0x3a, 0x2c];

/** Of a longer text only so many bytes are looked at one by one. The rest weighs more than a hidden class. */
const HASHED = 64;

/** Unknown to those who write the keys, so that they cannot make one look like another. */
const [SEED, FACTOR] = [randomInt(2 ** 32), randomInt(2 ** 31) * 2 + 1];
const known = new Uint32Array(2 ** 13);
const paths = new Uint32Array(DEPTH_MAX + 1);

/**
 * How much of the heap this body would take if it was parsed, in bytes: never less; for a usual pod two to three times
 * more. Infinity where it is nested too deeply. It looks at each byte once, and makes nothing new.
 *
 * For a body that is no JSON it counts no less than what a parser makes of it before it gives up.
 */
export function weigh(body: Uint8Array): number {
  const { length } = body;
  let weight = length * COST.byte;
  let depth = 0;
  /** Of the last text; 0 if it begins like a number, whose first digit may be written as an escape: `\u0039`. */
  let hash = 0;
  known.fill(0);
  for (let at = 0; at < length; at += 1) {
    switch (body[at] as number) {
      case QUOTE: {
        weight += COST.text;
        const begin = at + 1;
        const hashed = Math.min(begin + HASHED, length);
        hash = SEED;
        let byte = body[(at += 1)];
        for (; at < hashed && byte !== QUOTE; byte = body[(at += 1)]) {
          hash = Math.imul(hash ^ (byte as number), FACTOR);
          if (byte === BACKSLASH) at += 1;
        }
        if (byte !== QUOTE || at > hashed) at = endOfText(body, begin, at);
        if (mayBeginNumber(body[begin] as number)) hash = 0;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_LIST:
        weight += body[at] === OPEN_LIST ? COST.list : COST.object;
        depth += 1;
        if (depth > DEPTH_MAX) return Infinity;
        paths[depth] = SEED;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (depth > 0) depth -= 1;
        break;
      case COLON: {
        // An object's hidden class is the way to it: its keys so far, in their order.
        const path = (paths[depth] = Math.imul((paths[depth] as number) ^ hash, FACTOR) >>> 0);
        const slot = (path >>> 8) % known.length;
        if (hash === 0) weight += COST.number;
        else weight += known[slot] === path ? COST.key : COST.newKey;
        known[slot] = path;
        break;
      }
      case COMMA:
        weight += COST.comma;
        break;
      default:
    }
  }
  return weight;
}

/** Where a text ends whose beginning was read up to `from`: at a quote that has an even number of backslashes before it. */
function endOfText(body: Uint8Array, begin: number, from: number): number {
  for (let at = body.indexOf(QUOTE, Math.max(from, begin)); at !== -1; at = body.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (at - escapes - 1 >= begin && body[at - escapes - 1] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return body.length;
}

const mayBeginNumber = (byte: number): boolean => (byte >= ZERO && byte <= NINE) || byte === BACKSLASH;
