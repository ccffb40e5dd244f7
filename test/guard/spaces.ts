import { spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { start } from "./command.ts";

const IP = "ip";

/** Network namespaces and the programs in them: what is started together and ends together. */
export interface Spaces {
  readonly start: (...args: Parameters<typeof start>) => ChildProcessWithoutNullStreams;
  readonly removeAll: () => void;
  /** As `removeAll`, and resolves when every program has ended. */
  readonly close: () => Promise<void>;
}

/** @param names of the namespaces, which the caller makes */
export function spaces(names: readonly string[]): Spaces {
  const children: ChildProcessWithoutNullStreams[] = [];
  const removeAll = (): void => {
    for (const child of children) child.kill("SIGKILL");
    for (const name of names) spawnSync(IP, ["netns", "del", name], { stdio: "ignore" });
  };
  // Also when the run is interrupted: a namespace outlives the process that made it.
  process.once("exit", removeAll);
  return {
    start: (...args) => {
      const child = start(...args);
      children.push(child);
      return child;
    },
    removeAll,
    close: async () => {
      process.off("exit", removeAll);
      const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
      const ends = running.map((child) => once(child, "close"));
      removeAll();
      await Promise.all(ends);
    },
  };
}

export const inside = (space: string, argv: readonly string[]): readonly string[] => [
  "ip",
  "netns",
  "exec",
  space,
  ...argv,
];
