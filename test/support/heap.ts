/** A priority queue: the least first, and of equals the one that came first. */
export interface Heap<T> {
  readonly push: (order: number, value: T) => void;
  readonly least: () => { readonly order: number; readonly value: T } | undefined;
  readonly pop: () => void;
}

interface Item<T> {
  readonly order: number;
  readonly turn: number;
  readonly value: T;
}

export function heap<T>(): Heap<T> {
  const items: Item<T>[] = [];
  let turns = 0;
  const isBefore = (a: Item<T>, b: Item<T> | undefined): boolean =>
    b === undefined || a.order < b.order || (a.order === b.order && a.turn < b.turn);

  return {
    least: () => items[0],
    push: (order, value) => {
      const item = { order, turn: (turns += 1), value };
      let at = items.length;
      for (let up = (at - 1) >> 1; at > 0 && isBefore(item, items[up]); up = (at - 1) >> 1) {
        items[at] = items[up] as Item<T>;
        at = up;
      }
      items[at] = item;
    },
    pop: () => {
      const last = items.pop();
      if (last === undefined || items.length === 0) return;
      let at = 0;
      for (let down = 1; down < items.length; down = 2 * at + 1) {
        const [left, right] = [items[down], items[down + 1]] as [Item<T>, Item<T> | undefined];
        const next = isBefore(left, right) ? left : (right as Item<T>);
        if (!isBefore(next, last)) break;
        items[at] = next;
        at = next === left ? down : down + 1;
      }
      items[at] = last;
    },
  };
}
