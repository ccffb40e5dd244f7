/** The words of pino for what cannot be printed. */
const UNPRINTABLE = '"[unable to serialize, circular reference is too complex to analyze]"';

/**
 * The fields of a line as `,"name":value` each, and its message: an error's own, unless there is another. Getters, proxies
 * and `toJSON` may throw; then the words say so in place of the value.
 */
export function fieldTexts(
  fields: object,
  message: string | undefined,
): readonly [texts: string, message: string | undefined] {
  try {
    const named = (fields instanceof Error ? { err: fields } : fields) as Readonly<Record<string, unknown>>;
    const texts = Object.keys(named).map((name) => fieldText(name, () => named[name]));
    return [texts.join(""), message ?? messageOf(named["err"])];
  } catch {
    return [`,"fields":${UNPRINTABLE}`, message];
  }
}

const messageOf = (error: unknown): string | undefined =>
  error instanceof Error ? error.message : undefined;

function fieldText(name: string, read: () => unknown): string {
  const text = jsonText(name, read);
  return text === undefined ? "" : `,${JSON.stringify(name)}:${text}`;
}

/** Undefined for what JSON leaves out, such as functions. */
function jsonText(name: string, read: () => unknown): string | undefined {
  if (name === AUTHORIZATION) return REDACTED;
  try {
    const value = read();
    return JSON.stringify(name === "err" && value instanceof Error ? plain(value) : value, safely());
  } catch {
    return UNPRINTABLE;
  }
}

const AUTHORIZATION = "authorization";
/** Only a second line of defence. Secret values are of class Secret, which prints "[secret]". */
const REDACTED = '"[Redacted]"';

/** A replacer for JSON.stringify, which would throw for a circular value and for a bigint. */
function safely(): (this: unknown, key: string, value: unknown) => unknown {
  const holders: unknown[] = [];
  return function (key, value) {
    if (key === AUTHORIZATION) return "[Redacted]";
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "object" || value === null) return value;
    while (holders.length > 0 && holders.at(-1) !== this) holders.pop();
    if (holders.includes(value)) return "[Circular]";
    holders.push(value);
    return value;
  };
}

/** An error's type, message, stack and own fields. Its causes are appended to message and stack. */
function plain(error: Error): object {
  const causes = causesOf(error);
  return {
    type: error.constructor.name,
    message: causes.map(({ message }) => message).join(": "),
    stack: causes.map(({ stack }) => stack).join("\ncaused by: "),
    ...(error as object),
  };
}

function causesOf(error: Error): readonly Error[] {
  const found = [error];
  for (let { cause } = error; cause instanceof Error && !found.includes(cause); { cause } = cause)
    found.push(cause);
  return found;
}
