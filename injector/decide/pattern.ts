import { clipped } from "../model/findings.ts";
import { RE2JS } from "re2js";
import type { RoleArn } from "../model/arn.ts";
import { type Glob, globMatches, globOf } from "../model/glob.ts";

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
 * The most characters of one expression, with its repetitions written out, and the most instructions of its program. Below
 * the 500 up to which RE2's bit-state engine is used, which is at no pair of an instruction and a position twice.
 */
export const PROGRAM_MAX = 400;

/**
 * The most such pairs of all expressions of one annotation, or of one of them: beyond 262,144 RE2 takes another engine. It
 * bounds the compiler too, which needs 2 to 5 microseconds for an instruction: the worst list took 30 ms when it was new,
 * and 5 ms later on (Node 24). A hundred ARNs with classes or alternatives are within it.
 */
export const STEPS_MAX = 250_000;

/**
 * What no role ARN holds. With `\p{L}` or `\x{10ffff}` a program of a few instructions holds thousands of ranges, and
 * 500 characters of it took 50 ms to compile.
 */
const FOREIGN = /[^ -~]|\\[pPx]/;

/** Characters that stand for themselves, escaped or not, and `.*`: all that most lists consist of. */
const LIKE_A_GLOB = /^\^?((?:[\w=,@/:-]|\\[.+=,@/:-]|\.\*)*)\$?$/;

/** The same pattern as a glob, which needs no program, however many there are; undefined for any other expression. */
export function asGlob(text: string): Glob | undefined {
  const [, simple] = LIKE_A_GLOB.exec(text) ?? [];
  return simple === undefined ? undefined : globOf(simple.replaceAll(".*", "*").replaceAll("\\", ""));
}

/** An expression and the text that it has to match whole; undefined where it is not about this role. */
export interface Question {
  readonly text: string;
  readonly subject: string | undefined;
}

/**
 * Whether one of an annotation's expressions matches. All of them are bounded before the first is run: RE2 is linear, but
 * a program of a million instructions would still delay every other review.
 * @param arn of the role, which no subject is longer than
 * @throws Error where one of them is no expression, whichever role is asked about, or a bound is exceeded: the message says which
 */
export function anyMatches(questions: readonly Question[], arn: RoleArn, compile: Compile): boolean {
  const read = questions.map((question) => ({ ...question, glob: asGlob(question.text) }));
  const expressions = read.filter(({ glob }) => glob === undefined);
  const sizes = expressions.map(({ text }) => {
    const size = unrolled(text);
    if (size > PROGRAM_MAX) throw new Error(`${shown(text)} ${TOO_MUCH}`);
    return size;
  });
  bounded(
    sizes.map((size) => size + AROUND),
    arn,
  );
  const patterns = expressions.map(({ text, subject }) => {
    const pattern = compile(text);
    if (pattern.size > PROGRAM_MAX) throw new Error(`${shown(text)} ${TOO_MUCH}`);
    return { ...pattern, subject };
  });
  bounded(
    patterns.map(({ size }) => size),
    arn,
  );
  return (
    read.some(
      ({ glob, subject }) => glob !== undefined && subject !== undefined && globMatches(glob, subject),
    ) || patterns.some(({ matches, subject }) => subject !== undefined && matches(subject))
  );
}

function bounded(sizes: readonly number[], arn: RoleArn): void {
  const steps = sizes.reduce((total, size) => total + size, 0) * (arn.length + 1);
  if (steps <= STEPS_MAX) return;
  throw new Error(
    `its expressions take ${steps} steps for a role ARN of ${arn.length} characters, and at most ${STEPS_MAX} are allowed; names and .* take none`,
  );
}

const TOO_MUCH = `is longer than ${PROGRAM_MAX} characters, or repeats too much`;
const shown = (text: string): string => JSON.stringify(clipped(text, 60));

/** Instructions that every program has. */
const AROUND = 8;

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
