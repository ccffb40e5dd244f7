/** What has to be undone at the end, whatever the end. */
export interface Cleanup {
  readonly add: (undo: () => void | Promise<void>) => void;
  /** The last first; one that fails keeps none of the others from being tried. Never rejects. */
  readonly run: () => Promise<void>;
}

export function createCleanup(): Cleanup {
  const pending: (() => void | Promise<void>)[] = [];
  return {
    add: (undo) => void pending.push(undo),
    run: async () => {
      for (let undo = pending.pop(); undo !== undefined; undo = pending.pop()) {
        try {
          await undo();
        } catch {
          // Gone already is as good as undone.
        }
      }
    },
  };
}
