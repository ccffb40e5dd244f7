import { RE2JS } from "re2js";

/** A tenant's regular expression, compiled. */
export interface Pattern {
  /** Instructions of its program. */
  readonly size: number;
  /** Whether it matches the whole of `subject`: a part is not enough. */
  readonly matches: (subject: string) => boolean;
}

/** @throws Error that says what is wrong with the expression */
export type Compile = (text: string) => Pattern;

/**
 * The most characters, repetitions written out, and the most instructions of one annotation's expressions together.
 * Compiling takes time in proportion to them. No more than the 500 that RE2's bit-state engine takes: it is at no pair of
 * an instruction and a position twice.
 */
export const PROGRAM_MAX = 400;

/**
 * The most such pairs of one annotation. The worst that keeps within both bounds took under 5 ms, compiled and run, as the
 * first of its process, and 1 to 2 ms later on (Node 24).
 */
export const STEPS_MAX = 20_000;

/**
 * What no role ARN holds. With `\p{L}` or `\x{10ffff}` a program of a few instructions holds thousands of ranges, and
 * 500 characters of it took 50 ms to compile.
 */
const FOREIGN = /[^ -~]|\\[pPx]/;

/** Every character stands for itself, so it is compared as a text and needs no program. */
const isPlain = (text: string): boolean => /^[\w=,@/:-]*$/.test(text);

/** An expression and the text that it has to match whole; undefined where it is not about this role. */
export interface Question {
  readonly text: string;
  readonly subject: string | undefined;
}

/**
 * Whether one of an annotation's expressions matches. All of them are bounded before the first is run: RE2 is linear, but
 * a program of a million instructions would still delay every other review.
 * @throws Error where one of them is no expression, whichever role is asked about, or all of them together are too much
 */
export function anyMatches(questions: readonly Question[], compile: Compile): boolean {
  const expressions = questions.filter(({ text }) => !isPlain(text));
  if (sum(expressions.map(({ text }) => unrolled(text))) > PROGRAM_MAX) throw new Error(TOO_MUCH);
  const patterns = expressions.map(({ text, subject = "" }) => ({ ...compile(text), subject }));
  if (sum(patterns.map(({ size }) => size)) > PROGRAM_MAX) throw new Error(TOO_MUCH);
  if (sum(patterns.map(({ size, subject }) => size * (subject.length + 1))) > STEPS_MAX) {
    throw new Error(`${TOO_MUCH} for a role ARN of this length`);
  }
  return (
    questions.some(({ text, subject }) => text === subject && isPlain(text)) ||
    patterns.some(({ matches, subject }) => subject !== "" && matches(subject))
  );
}

const TOO_MUCH = "it is too long or repeats too much";
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/**
 * No less than the instructions of a pattern, but for a few: RE2 writes a counted repetition out, `.{0,999}` as a
 * thousand optional dots, and the count of a group multiplies what is in it.
 */
function unrolled(text: string): number {
  if (text.length > PROGRAM_MAX) return text.length;
  let [size, times] = [text.length, 1];
  for (const [, group, least, most] of text.matchAll(/(\)?)\{(\d+)(?:,(\d*))?\}/g)) {
    const count = Number(most || least) * (most === undefined || most === least ? 1 : 2);
    if (group === ")") times *= Math.max(1, count);
    else size += count;
  }
  return size * times;
}

const NEVER = "\\x00|";

/** Compiles for the bit-state engine; {@link anyMatches} bounds it. */
export function compilePattern(text: string): Pattern {
  if (FOREIGN.test(text)) throw new Error("it asks for characters that no role ARN has, or holds \\p or \\x");
  /*
   * NUL is in no ARN. A program that begins with an alternative is none of those that RE2JS tries to make a "one-pass"
   * program of, in time that grows with the cube: 200 ms for `^a?b?c?…` of 500 characters.
   */
  const program = attempt(() => RE2JS.compile(NEVER + text));
  // Without the prefix that was added above, which its author does not know.
  if (program instanceof Error) throw new Error(program.message.replace(NEVER, ""));
  return {
    size: program.programSize(),
    // By way of a Matcher: `program.matches()` builds a DFA, ten times slower for the one subject that is asked about.
    matches: (subject) => program.matcher(subject).matches(),
  };
}

/**
 * The same compiler after a first use. The first expression of a process takes V8 8 ms, however short it is: better
 * when the program starts than while a review waits.
 */
export function warmedUp(compile: Compile): Compile {
  for (const text of ["(?i)^arn:(?:a|b{1,9})+[a-z]?$", ".?".repeat(40)]) {
    compile(text).matches("arn:aws:iam::111122223333:role/name");
  }
  return compile;
}

/** A compiler that remembers the last `most` expressions, or their errors. */
export function patternCache(most: number, compile: Compile = compilePattern): Compile {
  const known = new Map<string, Pattern | Error>();
  return (text) => {
    const found = known.get(text) ?? attempt(() => compile(text));
    known.delete(text);
    known.set(text, found);
    const [oldest] = known.keys();
    if (known.size > most && oldest !== undefined) known.delete(oldest);
    if (found instanceof Error) throw found;
    return found;
  };
}

function attempt<T>(run: () => T): T | Error {
  try {
    return run();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
