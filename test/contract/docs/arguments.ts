import { isThere } from "./tree.ts";

/** What the checks of all programs have in common. */

export interface Around {
  /** Files that commands before it on the page have written. */
  readonly made: ReadonlySet<string>;
  /** Whether the page says in words what a word in capitals stands for. */
  readonly explains: (placeholder: string) => boolean;
  /** In the midst of a sentence: what a command cannot do without may be left out. */
  readonly inPassing: boolean;
}

/** What is wrong with a program's arguments: sentences, none where nothing is. */
export type Check = (args: readonly string[], around: Around) => readonly string[];

/** @param file as it stands on a page; `-` is standard input, capitals a file of the reader's */
export function missing(file: string, { made }: Around): readonly string[] {
  if (file === "-" || made.has(file) || /^[A-Z]+(?:\.yaml)?$/.test(file) || isThere(file)) return [];
  return [`there is no file \`${file}\`, and no command before it on the page makes one`];
}

export const valuesOf = (args: readonly string[], flags: readonly string[]): readonly string[] =>
  args.flatMap((word, index) => (flags.includes(word) ? [args[index + 1] ?? ""] : []));

interface Split {
  readonly named: readonly string[];
  readonly unknown: readonly string[];
  readonly values: ReadonlyMap<string, string>;
}

/** Arguments apart from flags. @param bare the flags that take no value */
export function split(args: readonly string[], flags: readonly string[], bare: ReadonlySet<string>): Split {
  const named: string[] = [];
  const unknown: string[] = [];
  const values = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    if (word === "--") break;
    if (!word.startsWith("-") || word === "-") named.push(word);
    else {
      const [flag = "", value] = word.split(/=(.*)/s);
      if (!flags.includes(flag)) unknown.push(flag);
      else if (value !== undefined) values.set(flag, value);
      else if (!bare.has(flag)) values.set(flag, args[++index] ?? "");
      else values.set(flag, "");
    }
  }
  return { named, unknown, values };
}
