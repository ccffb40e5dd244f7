/** One program that a block of shell runs. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** The files that its output is written to. */
  readonly writes: readonly string[];
}

const TOKEN =
  /(?<blank>[ \t]+|\\\n|(?<![^\s])#[^\n]*)|(?<redirect>2>&1|>>|[<>])|(?<end>\|\||&&|[|;&\n])|(?<word>(?:'[^']*'|"(?:[^"\\]|\\[^])*"|\$\((?:[^()]|\([^()]*\))*\)|\\[^\n]|[^\s'"\\|;&<>])+)/gy;
const NESTED = /\$\(((?:[^()]|\([^()]*\))*)\)/g;
const QUOTED = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\(.)/g;

/**
 * The programs of a block, in order; those in `$(...)` come before their command. It supports what the docs need: quotes,
 * pipes, lists, redirections, comments and continued lines.
 * @throws Error for a quote without an end
 */
export function commandsIn(block: string): readonly ShellCommand[] {
  const commands: ShellCommand[] = [];
  let [words, writes]: [string[], string[]] = [[], []];
  let redirect: string | undefined;
  const end = (): void => {
    if (words.length > 0) commands.push({ words, writes });
    [words, writes] = [[], []];
  };
  let read = 0;
  for (const { 0: text, groups = {} } of block.matchAll(TOKEN)) {
    read += text.length;
    if (groups["end"] !== undefined) end();
    if (groups["redirect"] !== undefined && text !== "2>&1") redirect = text;
    if (groups["word"] === undefined) continue;
    for (const [, inner = ""] of text.replaceAll(/'[^']*'/g, "").matchAll(NESTED)) {
      commands.push(...commandsIn(inner));
    }
    if (redirect === undefined) words.push(unquoted(text));
    else if (redirect !== "<") writes.push(unquoted(text));
    redirect = undefined;
  }
  if (read < block.length) throw new Error(`a quote has no end: ${block.slice(read, read + 40)}`);
  end();
  return commands;
}

const unquoted = (word: string): string =>
  word
    .replaceAll(NESTED, "$(...)")
    .replaceAll(
      QUOTED,
      (_, single?: string, double?: string, escaped?: string) =>
        single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? "",
    );
