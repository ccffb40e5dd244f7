import { CodedError } from "./errors.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** One variable: its name, the parser that makes its domain type, and what an absent or empty one means. */
export interface Field<T> {
  readonly name: string;
  readonly parse: (raw: string) => T;
  readonly fallback?: T;
}

type Shape = Readonly<Record<string, Field<unknown>>>;
type Parsed<S extends Shape> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };

/** Absent and empty are the same: with no fallback the variable is required. */
export function required<T>(name: string, parse: (raw: string) => T): Field<T> {
  return { name, parse };
}

export function optional<T, const F>(name: string, parse: (raw: string) => T, fallback: F): Field<T | F> {
  return { name, parse, fallback };
}

/**
 * Reads every field and reports every problem at once, so that a bad manifest is fixed in one round.
 * @throws CodedError `CONFIG_INVALID`, naming each variable. Values are not repeated: one of them may be a secret.
 */
export function parseEnv<S extends Shape>(env: Env, shape: S): Parsed<S> {
  const problems: string[] = [];
  const parsed = Object.entries(shape).map(([key, field]) => {
    const raw = env[field.name];
    if (raw === undefined || raw === "") {
      if (!("fallback" in field)) problems.push(`${field.name} is not set`);
      return [key, field.fallback];
    }
    try {
      return [key, field.parse(raw)];
    } catch (error) {
      problems.push(`${field.name} ${error instanceof Error ? error.message : String(error)}`);
      return [key, undefined];
    }
  });
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", `${problems.join("; ")}.`);
  return Object.freeze(Object.fromEntries(parsed)) as Parsed<S>;
}

export const text = (raw: string): string => raw;

/** A whole number in decimal digits, `least` and `most` included. */
export function integer(least: number, most: number) {
  return (raw: string): number => {
    const value = Number(raw);
    if (!/^\d{1,15}$/.test(raw) || value < least || value > most) {
      throw new Error(`must be a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

export function oneOf<const T extends string>(allowed: readonly T[]) {
  return (raw: string): T => {
    const found = allowed.find((value) => value === raw);
    if (found === undefined) throw new Error(`must be one of ${allowed.join(", ")}`);
    return found;
  };
}

/** Comma-separated, blanks around the parts dropped, empty parts left out. */
export function list<T>(parse: (raw: string) => T) {
  return (raw: string): readonly T[] =>
    raw
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .map(parse);
}
