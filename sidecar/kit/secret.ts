/**
 * Key material that cannot be printed by accident: `String`, JSON, template literals, `console.log` and the logs all show
 * "[secret]". Only {@link Secret.reveal} gives the value, so a search for `reveal` finds every place that uses it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.toPrimitive](): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/** Whether a text can be a key or a token: one line of printable ASCII without spaces, since some of them become headers. */
export const isKeyText = (text: string): boolean => /^[\x21-\x7E]+$/.test(text);
