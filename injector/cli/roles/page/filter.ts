/** What is looked for, in all tables and in the picture. */
export interface Filter {
  /** In lower case; a row has to have all of them. */
  readonly words: readonly string[];
  readonly state: string;
  /** From the picture. */
  readonly namespace?: string;
  /** `namespace/name`. */
  readonly account?: string;
  readonly role?: string;
}

export const NO_FILTER: Filter = { words: [], state: "" };

/** What of a row is compared. */
export interface Filtered {
  readonly text: string;
  readonly state: string;
  readonly cells: Readonly<Record<string, string>>;
}

export const wordsIn = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");

/** Whether a row is looked for. What a table has no column for does not hide its rows. Pure. */
export function matches({ words, state, namespace, account, role }: Filter, row: Filtered): boolean {
  const { cells } = row;
  const is = (key: string, wanted: string | undefined): boolean =>
    wanted === undefined || cells[key] === undefined || cells[key] === wanted;
  const [space, name] =
    account === undefined
      ? []
      : [account.slice(0, account.indexOf("/")), account.slice(account.indexOf("/") + 1)];
  return (
    (state === "" || row.state === "" || row.state === state) &&
    is("namespace", namespace) &&
    is("namespace", space) &&
    is("account", name) &&
    is("role", role) &&
    words.every((word) => row.text.includes(word))
  );
}

/** Texts as people count, numbers by their value, nothing last. Pure. */
export function compared(a: string, b: string, isNumber: boolean): number {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  if (isNumber) return Number(a) - Number(b);
  return COLLATOR.compare(a, b);
}

const COLLATOR = new Intl.Collator("en", { numeric: true });
