import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { systemCode } from "./errors.ts";

/** This process, as far as its rights are concerned. */
export interface OwnProcess {
  /** Supplementary groups. */
  readonly groups: () => readonly number[];
  readonly setGroups: (groups: readonly number[]) => void;
  /** Real, effective and saved, in every thread: the C library does it. */
  readonly setGid: (gid: number) => void;
  readonly setUid: (uid: number) => void;
  /** The text of /proc/self/status, and of the same file for each thread. */
  readonly statuses: () => readonly string[];
  /** What each descriptor but the three standard ones leads to, such as `socket:[1234]`, with its lines of /proc/self/fdinfo. */
  readonly descriptors: () => readonly string[];
  /** Pids of the processes that it has started and that still run. */
  readonly children: () => readonly number[];
}

const PROC = "/proc/self";

/** Reading is synchronous, so that nothing else runs between a change of rights and its check. */
export const ownProcess: OwnProcess = {
  groups: () => process.getgroups?.() ?? [],
  setGroups: (groups) => process.setgroups?.([...groups]),
  setGid: (gid) => process.setgid?.(gid),
  setUid: (uid) => process.setuid?.(uid),
  statuses: () => [
    readFileSync(`${PROC}/status`, "utf8"),
    ...readdirSync(`${PROC}/task`).flatMap((thread) =>
      unlessGone(() => readFileSync(`${PROC}/task/${thread}/status`, "utf8")),
    ),
  ],
  descriptors: () =>
    readdirSync(`${PROC}/fd`)
      .filter((fd) => Number(fd) > 2)
      .flatMap((fd) =>
        unlessGone(
          () => `${readlinkSync(`${PROC}/fd/${fd}`)}\n${readFileSync(`${PROC}/fdinfo/${fd}`, "utf8")}`,
        ),
      ),
  children: () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => unlessGone(() => readFileSync(`/proc/${pid}/stat`, "utf8")))
      .flatMap(childIn),
};

/** A thread, a process or a descriptor may end after it was listed. */
function unlessGone(read: () => string): readonly string[] {
  try {
    return [read()];
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}

/** @param stat `pid (name) state ppid ...`; the name may hold anything. A process that has ended has no rights. */
function childIn(stat: string): readonly number[] {
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(parent) === process.pid && state !== "Z" && state !== "X" ? [Number.parseInt(stat, 10)] : [];
}
