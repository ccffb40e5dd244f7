import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Facts } from "../model/facts.ts";
import type { Finding } from "../model/findings.ts";
import { levelWithoutNetAdmin } from "../model/guard-mode.ts";
import { fieldsIn, isRecord, metadataOf, own, recordsIn, stringMap } from "../model/read.ts";
import { isPodroleName } from "../model/user-containers.ts";

type Where = Pick<Facts, "namespace">;

/** The default profile adds SYS_PTRACE, and level restricted refuses what profile baseline leaves out. */
const profileIn = (facts: Where): string =>
  `--profile=${levelWithoutNetAdmin(facts) === "restricted" ? "restricted" : "baseline"}`;

/** Says which profile is admitted, with every denial of a container that is added to a running pod. */
export const withProfile =
  (facts: Where) =>
  (found: Finding): Finding =>
    found.severity === "deny"
      ? { ...found, remedy: `Add ${profileIn(facts)} to kubectl debug, or: ${found.remedy}` }
      : found;

/** By `k8s.io/apimachinery/pkg/util/rand`; `--container` gives another name. */
const DEBUGGER = /^debugger-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** The flags with which `kubectl debug --copy-to` makes a copy that is admitted. */
export const COPY_FLAGS = "--share-processes=false --keep-annotations";

/**
 * Says with the first denial how a copy of a pod is admitted. By default `kubectl debug --copy-to` keeps guard and sidecar, drops the
 * annotations by which they were written, and lets the containers share their processes.
 */
export function withCopyFlags(pod: unknown, facts: Where, findings: readonly Finding[]): readonly Finding[] {
  if (!isDebugCopy(pod)) return findings;
  const first = findings.findIndex(({ severity }) => severity === "deny");
  return findings.map((one, at) =>
    at === first
      ? {
          ...one,
          remedy: `If kubectl debug made this copy, add ${COPY_FLAGS} ${profileIn(facts)}. Otherwise: ${one.remedy}`,
        }
      : one,
  );
}

function isDebugCopy(pod: unknown): boolean {
  if (!isRecord(pod)) return false;
  const namesIn = (list: string): readonly string[] =>
    recordsIn(fieldsIn(pod, "spec"), list).map((one) => String(own(one, "name")));
  if (namesIn("containers").some((name) => DEBUGGER.test(name))) return true;
  const annotations = stringMap(own(metadataOf(pod), "annotations"));
  return namesIn("initContainers").some(isPodroleName) && annotations[ANNOTATION.status] === undefined;
}
