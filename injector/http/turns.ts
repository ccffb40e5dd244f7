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
 * An address gets at most half of the memory, unless it asks for more at once and holds nothing. Next comes the request after
 * which its address holds least: so neither many requests nor heavy ones of one address keep others waiting. Until there is room
 * for it, nobody comes: otherwise light ones of two addresses could take each piece of memory that becomes free, before it is
 * enough for a heavier one.
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
      const holds = has + one.weight;
      if (holds >= least || (has > 0 && holds > most / 2)) continue;
      [best, least] = [one, holds];
    }
    return best === undefined || total + best.weight > most ? undefined : best;
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
