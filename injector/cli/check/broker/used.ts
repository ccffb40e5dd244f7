import type { InjectorConfig } from "../../../config/installation.ts";
import type { CheckFacts } from "../facts.ts";
import type { Results } from "../result.ts";

/** Whether some namespace gets its sessions by the broker, or may. Where none does, there is nothing to check of it. */
export const usesBroker = ({ source, sourceOverride }: InjectorConfig): boolean =>
  [source, ...sourceOverride].includes("broker");

/** A check of the broker, for settings that use it; else it finds nothing, and is not in the report. */
export const whereUsed =
  (judge: (facts: CheckFacts) => Results) =>
  (facts: CheckFacts): Results =>
    usesBroker(facts.config) ? judge(facts) : [];
