/**
 * Text from outside without control characters, line breaks and marks that turn its direction: a name could otherwise write lines of its own
 * into a terminal or a log, or change those that are there.
 */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
