import { CodedError, messageOf } from "./errors.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** One variable: its name, its parser, and what an absent or empty one stands for: a text to be parsed, or a value. */
export interface Field<T> {
  readonly name: string;
  readonly parse: (raw: string) => T;
  readonly assumed?: string;
  readonly fallback?: T;
}

/** Fields and groups of fields, by the names that their values get. */
export interface Shape {
  readonly [key: string]: Field<unknown> | Shape;
}
export type Parsed<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Field<infer T> ? T : S[K] extends Shape ? Parsed<S[K]> : unknown;
};

/** A variable that must be set. An empty one counts as absent. */
export function required<T>(name: string, parse: (raw: string) => T): Field<T> {
  return { name, parse };
}

export function optional<T, const F>(name: string, parse: (raw: string) => T, fallback: F): Field<T | F> {
  return { name, parse, fallback };
}

/**
 * Reads every field and reports every problem at once, so that a bad manifest is corrected in one round.
 * @throws CodedError `CONFIG_INVALID`, naming each variable but repeating no value, which may be a secret
 */
export function parseEnv<S extends Shape>(env: Env, shape: S): Parsed<S> {
  const problems: string[] = [];
  const parsed = valuesOf(env, shape, problems);
  if (problems.length > 0) throw new CodedError("CONFIG_INVALID", `${problems.join("; ")}.`);
  return parsed as Parsed<S>;
}

function valuesOf(env: Env, shape: Shape, problems: string[]): Readonly<Record<string, unknown>> {
  const values = Object.entries(shape).map(([key, field]) => [
    key,
    isField(field) ? valueOf(env, field, problems) : valuesOf(env, field, problems),
  ]);
  return Object.freeze(Object.fromEntries(values));
}

const isField = (field: Field<unknown> | Shape): field is Field<unknown> =>
  typeof field["parse"] === "function";

function valueOf(env: Env, field: Field<unknown>, problems: string[]): unknown {
  const raw = env[field.name] || field.assumed;
  if (raw === undefined || raw === "") {
    if (!("fallback" in field)) problems.push(`${field.name} is not set`);
    return field.fallback;
  }
  try {
    return field.parse(raw);
  } catch (error) {
    problems.push(`${field.name} ${messageOf(error)}`);
    return undefined;
  }
}

export const text = (raw: string): string => raw;

/** A whole number in decimal digits, from `least` to `most`. */
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

/** Scheme, host and port only, in one spelling: what is called is exactly what others have checked. */
export function httpOrigin(raw: string): string {
  const url = URL.parse(raw);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.origin !== raw) {
    throw new Error("must be an http or https URL without user name, path and slash at the end");
  }
  return raw;
}

/** Comma-separated. Blanks around the parts and empty parts are dropped. */
export function list<T>(parse: (raw: string) => T) {
  return (raw: string): readonly T[] =>
    raw
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .map(parse);
}
