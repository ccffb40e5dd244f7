/** Lets requests take memory in turn, so that together they never take more than there is. */
export interface Turns {
  /** Asks for memory, in bytes, at most as much as there is. */
  ask(address: string, weight: number): Turn;
}

export interface Turn {
  /** Resolves when it is this request's turn; never, when it ended before. */
  readonly come: Promise<void>;
  /** Gives the memory back, or gives the waiting up. */
  readonly end: () => void;
}

interface Asking {
  readonly address: string;
  readonly weight: number;
  readonly go: () => void;
}

/**
 * An address gets at most half of the memory, unless it asks for more at once and holds nothing. Next comes the address
 * that holds least, with its lightest request: so neither many requests nor heavy ones of one address keep others waiting.
 */
export function turns(most: number): Turns {
  const waiting = new Set<Asking>();
  const inside = new Set<Asking>();
  const held = new Map<string, number>();
  let total = 0;

  const next = (): Asking | undefined => {
    let best: Asking | undefined;
    let least = Infinity;
    for (const one of waiting) {
      const has = held.get(one.address) ?? 0;
      if (total + one.weight > most || (has > 0 && has + one.weight > most / 2)) continue;
      if (best !== undefined && (has > least || (has === least && one.weight >= best.weight))) continue;
      [best, least] = [one, has];
    }
    return best;
  };
  const add = (address: string, weight: number): void => {
    total += weight;
    const has = (held.get(address) ?? 0) + weight;
    if (has > 0) held.set(address, has);
    else held.delete(address);
  };
  const admit = (): void => {
    for (let one = next(); one !== undefined; one = next()) {
      waiting.delete(one);
      inside.add(one);
      add(one.address, one.weight);
      one.go();
    }
  };

  return {
    ask: (address, weight) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const one: Asking = { address, weight, go: () => resolve() };
      waiting.add(one);
      admit();
      return {
        come: promise,
        end: () => {
          waiting.delete(one);
          if (!inside.delete(one)) return;
          add(one.address, -one.weight);
          admit();
        },
      };
    },
  };
}
