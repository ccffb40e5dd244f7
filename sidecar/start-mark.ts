import { closeSync, existsSync, lstatSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { ENV } from "./contract/env.ts";
import type { Env } from "./kit/env.ts";
import { terminationLogOf } from "./kit/termination.ts";

/** Remembers that the pod has started: that its sidecar has held credentials before. */
export interface StartMark {
  readonly isSet: () => boolean;
  /** Does nothing where there is no such memory. */
  readonly set: () => void;
}

/**
 * An empty file in `/dev/shm`. The containers of a pod share it (containerd and CRI-O mount the sandbox's into each): it
 * outlives a container, and ends with the sandbox, after which every container starts anew. The path is taken from the
 * termination log's, `/dev/termination-log`, so nothing is written where there is no container.
 *
 * Only a file of the sidecar's own uid counts. A container that can forge or remove it gains nothing: it runs already, and
 * the mark opens neither credentials nor the guard.
 */
export function startMark(env: Env): StartMark {
  const [log, podUid] = [terminationLogOf(env), env[ENV.podUid]];
  if (!podUid || !existsSync(log)) return { isSet: () => false, set: () => undefined };
  const path = join(dirname(log), "shm", `podrole-started-${podUid}`);
  return {
    isSet: () => {
      try {
        return lstatSync(path).uid === process.getuid?.();
      } catch {
        return false;
      }
    },
    set: () => {
      try {
        // Exclusive: it follows no link and opens nothing that is there.
        closeSync(openSync(path, "wx", 0o600));
      } catch {
        // Without it a restarted sidecar starts like a first one.
      }
    },
  };
}
