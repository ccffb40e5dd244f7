/** How a build by a toolchain ended. */
export interface Ran {
  /** Undefined: there is no such program. */
  readonly code: number | undefined;
  readonly output: string;
}

/** Messages of Go, Cargo, Maven and npm for a registry that is out of reach or refuses the package. */
const REFUSED = new RegExp(
  [
    /\b(?:403 Forbidden|404 Not Found|410 Gone|50[234] [A-Z][a-z]+)/,
    /\bE40[34]\b|status code: (?:40[34]|50[234])|failed to get a 200 OK response|failed to download/,
    /Could not (?:find|transfer) artifact|no such host|ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT/,
    /[Cc]ould not resolve host|[Cc]onnection refused|i\/o timeout|TLS handshake timeout|network is unreachable/,
    /dial tcp|No plugin found for prefix|server misbehaving|Temporary failure in name resolution|spurious network error|download of \S+ failed/,
  ]
    .map(({ source }) => source)
    .join("|"),
);
const TOO_OLD = /requires go >= [\d.]+|requires rustc [\d.]+/;

/** What excuses a failed build, or undefined. */
export function excuse(program: string, { code, output }: Ran): string | undefined {
  if (code === undefined) return `no ${program}`;
  const old = TOO_OLD.exec(output)?.[0];
  if (old !== undefined) return `${program} is too old: ${old}`;
  const line = output.split("\n").find((one) => REFUSED.test(one));
  return line === undefined ? undefined : `download refused: ${withoutHosts(line).slice(0, 160)}`;
}

const withoutHosts = (line: string): string => line.replaceAll(/https?:\/\/[^/\s]+/g, "").trim();
