import type { InjectorConfig } from "../../config/installation.ts";
import { podSession, type PodSession } from "../../decide/pod-session.ts";
import { podStatus } from "../../decide/pod-status.ts";
import { POD_IDENTITY } from "../../../sidecar/contract/session.ts";
import { namespaceExcluded } from "../../model/excluded-namespaces.ts";
import type { Facts } from "../../model/facts.ts";
import { serviceAccountOf, type Pod } from "../../model/pod.ts";
import { own, stringMap } from "../../model/read.ts";

/** What the broker would answer a pod's sidecar now. */
export type BrokerAnswer = { readonly identity: string; readonly role: string } & (
  | {
      readonly kind: "session";
      /** Which rule allows it. */
      readonly rule: string;
      readonly sessionName: string;
      readonly durationSeconds: number;
      readonly region: string;
      readonly sourceIdentity?: string;
      readonly isShared: boolean;
    }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly remedy: string }
);

/**
 * One answer for each identity that the pod was created with, by the broker's own function. Pure.
 * @param wanted the role that a pod without podrole's status asks for, where its namespace has source broker: it is refused
 * @param excluded namespaces in which podrole does nothing
 */
export function brokerAnswers(
  pod: Pod,
  wanted: string | undefined,
  facts: Facts,
  config: InjectorConfig,
  excluded: ReadonlySet<string>,
): readonly BrokerAnswer[] {
  const annotations = stringMap(pod.metadata?.annotations);
  const status = podStatus(annotations);
  const roles: readonly (readonly [string, string])[] =
    status !== undefined
      ? [...(status.source === "broker" ? status.roles : [])]
      : wanted === undefined
        ? []
        : [[POD_IDENTITY, wanted]];
  const metadata = pod.metadata ?? {};
  const identity = {
    namespace: facts.namespace.name,
    serviceAccount: serviceAccountOf(pod),
    pod: String(own(metadata, "name")),
    podUid: String(own(metadata, "uid")),
  };
  return roles.map(([name, role]) => {
    if (excluded.has(identity.namespace))
      return { identity: name, role, kind: "refused", ...namespaceExcluded(identity.namespace) };
    const asked = { identity: name, roleArn: role };
    const answer = podSession({ asked, pod: identity, annotations, facts, config });
    return { identity: name, role, ...shortened(answer) };
  });
}

type Answer<T = BrokerAnswer> = T extends unknown ? Omit<T, "identity" | "role"> : never;

function shortened(answer: PodSession): Answer {
  if (answer.kind === "refused") return { kind: "refused", ...answer.refusal };
  const { rule, sessionName, steps, region, sourceIdentity, isShared } = answer.plan;
  const durationSeconds = steps.at(-1)?.durationSeconds ?? 0;
  return {
    kind: "session",
    rule,
    sessionName,
    durationSeconds,
    region,
    isShared,
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
  };
}
