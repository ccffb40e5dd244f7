import { integer, oneOf } from "../../sidecar/kit/env.ts";

/** JSON schema (draft 7) of a setting's value in the chart, as far as kinds need it. */
export interface Schema {
  readonly type: string | readonly string[];
  readonly [keyword: string]: unknown;
}

/** The values that a setting takes, always written as one string: in the ConfigMap, on the command line, in a variable. */
export interface Kind<T> {
  /** Stands for the value in usage lines, such as `<mode>`. */
  readonly placeholder: string;
  /** @throws Error whose message goes on after the setting's name, such as "must be ...". It never repeats the value. */
  parse(raw: string): T;
  /** The one way to write a value, so that it can be compared as text. `parse(write(value))` is the value again. */
  write(value: T): string;
  readonly schema: Schema;
  /** The words of a choice. */
  readonly choices?: readonly string[];
}

export const choice = <const T extends string>(words: readonly T[], placeholder = "mode"): Kind<T> => ({
  placeholder,
  parse: oneOf(words),
  write: String,
  schema: { type: "string", enum: words },
  choices: words,
});

export const yesOrNo: Kind<boolean> = {
  placeholder: "boolean",
  parse: (raw) => oneOf(["true", "false"])(raw) === "true",
  write: String,
  schema: { type: "boolean" },
};

/** A whole number in decimal digits, `least` and `most` included. */
export const wholeNumber = (placeholder: string, least: number, most: number): Kind<number> => ({
  placeholder,
  parse: integer(least, most),
  write: String,
  schema: { type: "integer", minimum: least, maximum: most },
});

export const port = wholeNumber("port", 1, 65_535);

/** A text that a parser has checked and left as it is. */
export const text = <T extends string>(
  placeholder: string,
  parse: (raw: string) => T,
  schema: Omit<Schema, "type"> = {},
): Kind<T> => ({ placeholder, parse, write: String, schema: { type: "string", ...schema } });

/** A text of this form. `must` goes on after the setting's name. */
export const pattern = (placeholder: string, form: RegExp, must: string): Kind<string> =>
  text(
    placeholder,
    (raw) => {
      if (!form.test(raw)) throw new Error(must);
      return raw;
    },
    { pattern: form.source },
  );

interface Item<T> {
  /** As a kind's. Blanks around a part are gone. */
  readonly parse: (raw: string) => T;
  readonly write: (value: T) => string;
  /** Of one item in the chart's list. */
  readonly schema: object;
}

/** Parts between commas, each once. An empty text is an empty list. */
export const list = <T>(
  placeholder: string,
  { parse, write, schema }: Item<T>,
  least = 0,
): Kind<readonly T[]> => ({
  placeholder,
  parse: (raw) => {
    const parts = raw === "" ? [] : raw.split(",").map((part) => parse(part.trim()));
    if (parts.length < least) throw new Error("must not be empty");
    if (new Set(parts.map(write)).size < parts.length) throw new Error("has an entry twice");
    return parts;
  },
  write: (values) => values.map(write).join(","),
  schema: {
    type: "array",
    items: { type: "string", ...schema },
    ...(least > 0 ? { minItems: least } : {}),
    uniqueItems: true,
  },
});
