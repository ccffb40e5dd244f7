import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { until } from "./until.ts";

/** A control group with a memory limit, as a container has one. */
export interface MemoryLimit {
  /** Runs a program in the group: the words before its own. */
  readonly command: readonly string[];
  /** The most memory that its programs have had at once, in bytes, without what the kernel could take back. */
  readonly peak: () => number;
}

const V1 = "/sys/fs/cgroup/memory";
const V2 = "/sys/fs/cgroup";
let made = 0;

/** Undefined where this process may make no such group. It is removed at the end of the test. */
export function memoryLimit(bytes: number): MemoryLimit | undefined {
  const isV1 = existsSync(join(V1, "memory.limit_in_bytes"));
  const group = join(isV1 ? V1 : V2, `podrole-test-${process.pid}-${(made += 1)}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, isV1 ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
  } catch {
    return undefined;
  }
  onTestFinished(async () => {
    await until("the group to be empty", () => removed(group));
  });
  return {
    command: ["/bin/sh", "-c", `echo $$ > ${join(group, "cgroup.procs")} && exec "$@"`, "sh"],
    peak: () => Number(readFileSync(join(group, isV1 ? "memory.max_usage_in_bytes" : "memory.peak"), "utf8")),
  };
}

function removed(group: string): true | undefined {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return undefined;
  }
}
