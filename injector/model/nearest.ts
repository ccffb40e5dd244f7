/** The known word that was probably meant: the nearest one, at most three characters off. */
export function nearest<T extends string>(written: string, known: readonly T[]): T | undefined {
  // Longer than every known word by more than the limit, so the distance need not be computed.
  if (written.length > 60) return undefined;
  const [best] = known
    .map((word) => ({ word, distance: editDistance(written, word) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= 3 ? best.word : undefined;
}

/** Levenshtein's distance: how many single-character edits lie between the two. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
