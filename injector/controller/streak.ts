/** Counts the looks since something was first seen, and begins again when it is something else. */
export function streak(): (what: string | undefined, look: number) => number {
  let held: { readonly what: string; readonly look: number; readonly count: number } | undefined;
  return (what, look) => {
    if (what === undefined) held = undefined;
    else if (held?.what !== what) held = { what, look, count: 0 };
    else if (held.look !== look) held = { what, look, count: held.count + 1 };
    return held?.count ?? 0;
  };
}
