import { inspect, styleText } from "node:util";

const STYLES = ["bold", "dim", "red", "green", "yellow", "cyan"] as const;
export type Style = (typeof STYLES)[number];
/** What a painted text has before it and behind. */
export const PAINT_CODES: readonly string[] = STYLES.flatMap((style) =>
  (inspect.colors[style] ?? []).map((code) => `\u001B[${code}m`),
);
/** A text in a style, or as it is. */
export type Paint = (style: Style, text: string) => string;

export const plainPaint: Paint = (_style, text) => text;

const colourPaint: Paint = (style, text) => styleText(style, text, { validateStream: false });

/**
 * Decided here and not by Node, whose releases differ about an empty `NO_COLOR`, and which warns on standard error where both
 * `NO_COLOR` and `FORCE_COLOR` are set.
 */
export const paintFor = (
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint => (isColoured(stream, env) ? colourPaint : plainPaint);

/** Colours on a terminal. `NO_COLOR` (https://no-color.org) is stronger than `FORCE_COLOR`. */
function isColoured(
  { isTTY = false }: { readonly isTTY?: boolean },
  { NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (NO_COLOR || NODE_DISABLE_COLORS) return false;
  if (FORCE_COLOR !== undefined) return !["0", "false"].includes(FORCE_COLOR);
  return isTTY && TERM !== "dumb";
}
