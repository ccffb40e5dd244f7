import { CodedError, errorName } from "./errors.ts";
import { ownProcess, type OwnProcess } from "./own-process.ts";

/**
 * Gives up root for good: the process becomes this uid and gid, in every thread, without any capability. Then it checks this, and
 * tries to become root again. It keeps the supplementary groups except root's, because the pod's fsGroup may be the only group that
 * can read the token files.
 *
 * The bounding set stays, since Node has no call that empties it. With no_new_privs, which is required here, no program that
 * the process starts can gain a capability from it.
 * @param gid the number of the uid if it is undefined
 * @throws CodedError `PRIVILEGES_KEPT`
 */
export function becomeUser(uid: number, gid: number = uid, self: OwnProcess = ownProcess): void {
  const groups = [...new Set(self.groups())].filter((group) => group !== 0);
  try {
    // In this order: without root's uid the others cannot be changed.
    self.setGroups(groups);
    self.setGid(gid);
    self.setUid(uid);
  } catch (error) {
    throw kept(`it cannot become uid ${uid} (${errorName(error)})`, error);
  }
  const problems = [
    ...self.statuses().flatMap((status) => wrongIn(status, { uid, gid, groups })),
    ...[...ways(self)].filter(([, way]) => succeeds(way)).map(([name]) => `${name} still works`),
    ...self
      .descriptors()
      .filter(hasRights)
      .map((one) => `${one.split("\n", 1).join()} is open`),
    ...self.children().map((pid) => `process ${pid}, which it has started, still runs`),
  ];
  if (problems.length > 0) throw kept([...new Set(problems)].join("; "));
}

/**
 * A socket keeps rights that were checked when it was made. An io_uring works with the rights of the thread that submits to it
 * (libuv has one to batch its epoll_ctl). If a kernel thread polls it, it works with those of its maker; Node makes such a one only
 * on request.
 */
const hasRights = (descriptor: string): boolean =>
  descriptor.startsWith("socket:") ||
  (descriptor.startsWith("anon_inode:[io_uring]") && !/^SqThread:\s+-1$/m.test(descriptor));

const ways = (self: OwnProcess): ReadonlyMap<string, () => void> =>
  new Map([
    ["setuid(0)", () => self.setUid(0)],
    ["setgid(0)", () => self.setGid(0)],
    ["setgroups", () => self.setGroups([0])],
  ]);

function succeeds(way: () => void): boolean {
  try {
    way();
    return true;
  } catch {
    return false;
  }
}

const CAPABILITIES = ["CapInh", "CapPrm", "CapEff", "CapAmb"] as const;

/** @param status the text of a `/proc/.../status`: lines of a name, a colon and words */
function wrongIn(
  status: string,
  { uid, gid, groups }: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] },
): readonly string[] {
  const lines = new Map(status.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line]));
  const words = (name: string): readonly string[] =>
    (lines.get(name) ?? "")
      .slice(name.length + 1)
      .split(/\s+/)
      .filter((word) => word !== "");
  const found = (name: string): string => `${name} is ${words(name).join(" ") || "unknown"}`;
  const isSame = (name: string, wanted: readonly number[]): boolean => {
    const present = words(name)
      .map(Number)
      .toSorted((a, b) => a - b);
    return String(present) === String(wanted.toSorted((a, b) => a - b));
  };
  const fourTimes = (id: number): readonly number[] => [id, id, id, id];
  return [
    ...(isSame("Uid", fourTimes(uid)) ? [] : ["Uid"]),
    ...(isSame("Gid", fourTimes(gid)) ? [] : ["Gid"]),
    ...(isSame("Groups", groups) ? [] : ["Groups"]),
    ...CAPABILITIES.filter((name) => !/^0+$/.test(words(name).join(" "))),
    ...(words("NoNewPrivs").join(" ") === "1" ? [] : ["NoNewPrivs"]),
  ].map(found);
}

const kept = (why: string, cause?: unknown): CodedError =>
  new CodedError("PRIVILEGES_KEPT", `The process could not give up the rights of root: ${why}.`, {
    remedy:
      "Let the container have SETUID and SETGID and no privilege escalation, as podrole writes it, or set guardContainer to init.",
    cause,
  });
