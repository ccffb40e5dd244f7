import { clipped } from "../model/findings.ts";
import type { Rule } from "./annotation-rules.ts";

/** Characters of all roles that are shown, and of one of them. */
const SHOWN_MAX = 600;
const ROLE_MAX = 160;

/** What the rules about a pod allow, for its author: `Allowed here: ..., by ...`, cut with a count of the rest. */
export function allowedHere(rules: readonly Rule[]): string {
  let [left, more] = [SHOWN_MAX, 0];
  const parts = rules.flatMap(({ label, roles }) => {
    const shown = roles()
      .map((role) => clipped(role, ROLE_MAX))
      .filter((role) => {
        left -= role.length + 2;
        if (left < 0) more += 1;
        return left >= 0;
      });
    return shown.length === 0 ? [] : [`${shown.join(", ")}, by ${label}`];
  });
  const rest = more === 0 ? [] : [`and ${more} more`];
  return parts.length === 0 ? "" : `Allowed here: ${[...parts, ...rest].join("; ")}.`;
}
