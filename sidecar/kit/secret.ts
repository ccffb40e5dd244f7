/**
 * Key material that cannot be printed by accident: `String`, JSON, template literals, `console.log` and pino all show
 * "[secret]". The one way out is {@link Secret.reveal}, so a search for `reveal` lists every place a key leaves by.
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
