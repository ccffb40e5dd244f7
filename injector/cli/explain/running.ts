import type { PodOutcome } from "../../review/admit-pod.ts";
import { guardModeIn } from "../../model/own-form.ts";
import { isPodroleContainer } from "../../model/user-containers.ts";
import { patchBetween } from "../../mutate/patch.ts";
import type { Pod } from "../../model/pod.ts";

/** How a pod that exists compares with what this version would make of it. */
export interface Running {
  readonly state: "same" | "differently" | "not-injected" | "unknown";
  readonly because: string;
}

const PATHS_MAX = 5;

/** @param outcome what this version makes of the pod as it is now */
export function runningOf(pod: Pod, outcome: PodOutcome): Running {
  const present = (pod.spec.initContainers ?? []).filter(isPodroleContainer).map(({ name }) => name);
  const holds = `it holds ${present.join(" and ")}`;
  switch (outcome.kind) {
    case "skip":
      return present.length === 0
        ? { state: "same", because: "nothing in it is podrole's, and this version would add nothing" }
        : { state: "differently", because: `${holds}, and this version would leave it alone` };
    case "deny": {
      const foreign = outcome.findings.filter(({ code }) => code === "INJECTED_DIFFERENTLY");
      if (foreign.length > 0) {
        return { state: "differently", because: foreign.map(({ message }) => message).join(" ") };
      }
      return present.length === 0
        ? { state: "not-injected", because: "it holds neither guard nor sidecar, and would be denied now" }
        : { state: "unknown", because: `${holds}, and there is nothing to compare: it would be denied now` };
    }
    case "inject": {
      if (present.length === 0) {
        const because = "it holds neither guard nor sidecar: it was created before, or past the webhook";
        return { state: "not-injected", because };
      }
      const mode = guardModeIn(pod.spec);
      if (mode !== undefined && outcome.guard !== undefined && mode !== outcome.guard) {
        const because = `its guard is in mode ${mode}, and would be in mode ${outcome.guard} now`;
        return { state: "differently", because };
      }
      // Only the spec counts: annotations say which version wrote it.
      const paths = patchBetween(outcome.before, outcome.after)
        .map(({ path }) => path)
        .filter((path) => path.startsWith("/spec/"));
      if (paths.length === 0)
        return { state: "same", because: "this version would change nothing in its spec" };
      const more = paths.length > PATHS_MAX ? ` and ${paths.length - PATHS_MAX} more` : "";
      const because = `this version would change ${paths.slice(0, PATHS_MAX).join(", ")}${more}`;
      return { state: "differently", because };
    }
  }
}
