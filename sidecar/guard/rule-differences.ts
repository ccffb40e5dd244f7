/** How the rules of one chain differ from those that were written: lacking, too many, or in another order. */
export function ruleDifferences(
  chain: string,
  written: readonly string[],
  found: readonly string[],
): readonly string[] {
  const missing = without(written, found).map((rule) => `${chain} lacks "${rule}"`);
  const extra = without(found, written).map((rule) => `${chain} has "${rule}", which is not the guard's`);
  if (missing.length + extra.length > 0) return [...missing, ...extra];
  const inOrder = written.every((rule, index) => rule === found[index]);
  return inOrder ? [] : [`${chain} has its rules in another order`];
}

/** Those of `all` that `others` lacks; a rule that occurs twice has to occur twice in both. */
function without(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
