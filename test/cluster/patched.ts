import { decide } from "../../injector/decide/decide.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { Facts } from "../../injector/model/facts.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { assigned } from "../../injector/mutate/assigned.ts";
import { mutate } from "../../injector/mutate/mutate.ts";
import { FRESH, pod as harmless } from "../support/pods.ts";
import type { KubeObject } from "./kube-client.ts";

/**
 * The pod as the webhook would patch it if it had no objection: what podrole would add to a harmless pod with these
 * annotations. So the policy alone answers.
 */
export function patched(pod: Pod, facts: Facts, config: InjectorConfig): KubeObject {
  const annotations = Object.fromEntries(
    Object.entries(pod.metadata?.annotations ?? {}).filter(([key]) => !key.includes("kubernetes.io/")),
  );
  const decision = decide(harmless({}, annotations), facts, config);
  if (decision.kind === "skip") return pod;
  if (decision.kind === "deny") throw new Error(JSON.stringify(decision.findings));
  const own = assigned(pod, decision.intent, config, FRESH);
  if (own === undefined) throw new Error("no uid is left for the sidecar");
  return mutate(pod, decision.intent, config, own);
}
