import { readFileSync } from "node:fs";
import { CodedError } from "../kit/errors.ts";

/** Of this process's network namespace. `/sys/class/net` shows the namespace that mounted it. */
const DEVICES = "/proc/self/net/dev";

/** @returns the names of every interface but loopback, by which no packet leaves the pod */
export async function interfaces(): Promise<readonly string[]> {
  return interfaceNames(readFileSync(DEVICES, "utf8"));
}

/**
 * @param table the text of `/proc/net/dev`: two lines of heading, then `name: counters`, right-aligned. The kernel
 *   allows no colon and no blank in a name.
 * @throws CodedError `GUARD_INTERFACE_NAME`: the pod's author may choose a name (Multus), nft's language has no escape
 *   inside quotes and reads `*` as a wildcard, so a name that cannot be written safely stops the pod.
 */
export function interfaceNames(table: string): readonly string[] {
  const names = table
    .split("\n")
    .slice(2)
    .filter((line) => line.trim() !== "")
    .map((line) => line.slice(0, line.indexOf(":")).trim())
    .filter((name) => name !== "lo");
  for (const name of names) {
    if (!/^[\w.-]{1,15}$/.test(name)) {
      throw new CodedError(
        "GUARD_INTERFACE_NAME",
        `The interface name ${JSON.stringify(name)} cannot be guarded.`,
        {
          remedy: "Give the interface a name of letters, digits, '.', '_' and '-'.",
        },
      );
    }
  }
  return names;
}
