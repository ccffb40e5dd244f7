/** Lets requests begin in rounds of the event loop. A round goes through all connections. */
export interface Rounds {
  /**
   * @param later is called in a later round, unless the request may begin now
   * @returns whether it may begin now
   */
  enter(address: string, later: () => void): boolean;
}

/**
 * Without this, a round would begin all requests that have come: hundreds of one address, which may be a second's work, before one
 * of another address has its turn.
 * @param most of an address in one round
 */
export function rounds(most: number): Rounds {
  const begun = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  let isDue = false;

  const next = (): void => {
    isDue = false;
    begun.clear();
    const beginning = [...waiting].flatMap(([address, all]) => {
      const now = all.splice(0, most);
      begun.set(address, now.length);
      if (all.length === 0) waiting.delete(address);
      return now;
    });
    if (begun.size > 0) due();
    for (const begin of beginning) begin();
  };
  const due = (): void => {
    if (!isDue) setImmediate(next);
    isDue = true;
  };

  return {
    enter: (address, later) => {
      const count = begun.get(address) ?? 0;
      due();
      if (count < most) {
        begun.set(address, count + 1);
        return true;
      }
      const all = waiting.get(address) ?? [];
      all.push(later);
      waiting.set(address, all);
      return false;
    },
  };
}
