/** One program that a block of shell runs. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** Files that its output is written to. */
  readonly writes: readonly string[];
  /** Within the block, from 0. */
  readonly line: number;
}

interface Token {
  /** `nested` is what stands in `$(...)`, before the word that it is part of. */
  readonly kind: "word" | "operator" | "nested";
  readonly text: string;
  readonly line: number;
}

/**
 * The programs of a block, in order, those in `$(...)` before what they are part of. It knows what the docs need: quotes,
 * pipes, lists, redirections, comments and continued lines.
 * @throws Error for anything else, such as a loop: who copies a command should see what it does
 */
export function commandsIn(block: string): readonly ShellCommand[] {
  const commands: ShellCommand[] = [];
  const inner: ShellCommand[] = [];
  let words: string[] = [];
  let writes: string[] = [];
  let line = 0;
  let redirection: string | undefined;
  const end = (): void => {
    if (redirection !== undefined) throw new Error(`there is no file behind ${redirection}`);
    commands.push(...inner.splice(0));
    if (words.length > 0) commands.push({ words, writes, line });
    [words, writes] = [[], []];
  };
  for (const token of tokensIn(block)) {
    if (token.kind === "nested") {
      inner.push(...commandsIn(token.text).map((one) => ({ ...one, line: one.line + token.line })));
    } else if (token.kind === "word" && redirection !== undefined) {
      if (redirection.startsWith(">")) writes.push(token.text);
      redirection = undefined;
    } else if (token.kind === "word") {
      if (words.length === 0) line = token.line;
      words.push(token.text);
    } else if (/^[<>]/.test(token.text)) redirection = token.text;
    else end();
  }
  end();
  const control = commands.find(({ words: [first = ""] }) => CONTROL.has(first));
  if (control !== undefined) throw new Error(`\`${control.words[0] ?? ""}\` is not for the docs`);
  return commands;
}

const CONTROL = new Set(["for", "while", "if", "do", "done", "then", "fi", "case", "function", "{"]);

const OPERATOR = /^(?:\|\||&&|2>&1|>>|[|;&<>\n])/;

function tokensIn(block: string): readonly Token[] {
  const tokens: Token[] = [];
  let [at, line] = [0, 0];
  let word: string | undefined;
  let begun = 0;
  const endWord = (): void => {
    if (word !== undefined) tokens.push({ kind: "word", text: word, line: begun });
    word = undefined;
  };
  const nested = (text: string): void => void tokens.push({ kind: "nested", text: text.slice(2, -1), line });
  const take = (text: string): void => {
    at += text.length;
  };
  while (at < block.length) {
    const rest = block.slice(at);
    const operator = OPERATOR.exec(rest)?.[0];
    if (word === undefined) begun = line;
    if (rest.startsWith("\\\n")) {
      take("\\\n");
      line++;
    } else if (word === undefined && rest.startsWith("#")) take(/^[^\n]*/.exec(rest)?.[0] ?? "");
    else if (rest.startsWith("$(")) {
      const text = parenthesised(rest);
      nested(text);
      word = `${word ?? ""}$(...)`;
      take(text);
    } else if (rest.startsWith("'") || rest.startsWith('"')) {
      const quote = rest.charAt(0);
      const text = quote === "'" ? /^'[^']*'/.exec(rest)?.[0] : /^"(?:[^"\\]|\\[^])*"/.exec(rest)?.[0];
      if (text === undefined) throw new Error(`a ${quote} has no end`);
      if (quote === '"' && text.includes("$(")) nested(parenthesised(text.slice(text.indexOf("$("))));
      word = (word ?? "") + text.slice(1, -1).replaceAll(quote === '"' ? /\\(["\\$`])/g : /$^/g, "$1");
      line += text.split("\n").length - 1;
      take(text);
    } else if (operator === "2>&1") {
      endWord();
      take(operator);
    } else if (operator !== undefined) {
      endWord();
      tokens.push({ kind: "operator", text: operator, line });
      if (operator === "\n") line++;
      take(operator);
    } else if (/^\s/.test(rest)) {
      endWord();
      take(" ");
    } else {
      const text = /^\\[^]|^[^]/.exec(rest)?.[0] ?? "";
      word = (word ?? "") + text.replace(/^\\/, "");
      take(text);
    }
  }
  endWord();
  return tokens;
}

/** From `$(` to the bracket that closes it. */
function parenthesised(text: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text.charAt(index) === "(") depth++;
    if (text.charAt(index) === ")" && --depth === 0) return text.slice(0, index + 1);
  }
  throw new Error("a $( has no end");
}
