import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { RESOURCES_CHOSEN_BY } from "../../decide/resources/own-resources.ts";
import type { Answers } from "../../decide/trace.ts";
import { annotation } from "../../model/annotations.ts";
import { amountsOf, writeAmount } from "../../model/resource-amounts.ts";
import { isOneContainer } from "../../mutate/guard-and-sidecar.ts";
import { shown, type Around, type Step } from "./step.ts";

/** What guard and sidecar take, and what decided that: a quota counts it, and a LimitRange may change it. */
export function resourcesStep(
  { of, isGuaranteed, limitRanges }: Answers["resources"],
  { pod, config }: Around,
  answers: Partial<Answers>,
): Step {
  const guard = answers.settings?.guard;
  const sidecar = answers.exposed !== undefined;
  // In one container, it is the sidecar's.
  const isOne = isOneContainer(pod, { guard, sidecar }, config);
  const names = [...(guard && !isOne ? [CONTAINER.guard] : []), ...(sidecar ? [CONTAINER.sidecar] : [])];
  const all = names.map((name) => `${name} ${amountsOf(of[name]).map(writeAmount).join(", ")}`);
  const chosen = names.map((name) => {
    const { setting, annotation: key } = RESOURCES_CHOSEN_BY[name];
    const raw = annotation(pod.metadata?.annotations, key);
    return raw === undefined ? `the setting ${setting}` : `annotation ${key} is ${shown(raw)}`;
  });
  const because = [
    ...chosen,
    ...(isGuaranteed ? ["requests equal limits, so that the pod stays Guaranteed"] : []),
    ...(limitRanges.length === 0 ? [] : [`LimitRange ${limitRanges.join(", ")} of the namespace`]),
  ].join("; ");
  return { id: "resources", question: "What do guard and sidecar take?", answer: all.join("; "), because };
}
