/** Undo steps that run at the end, however the demo ends. */
export interface Cleanup {
  readonly add: (undo: () => void | Promise<void>) => void;
  /** Runs the last step first. A failing step does not stop the others. Never rejects. */
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
          // Already gone.
        }
      }
    },
  };
}
