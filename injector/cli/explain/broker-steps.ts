import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { sourceIdentityOf } from "../../decide/pod-session.ts";
import { sharesSessions } from "../../decide/shared-sessions.ts";
import type { Answers } from "../../decide/trace.ts";
import { serviceAccountOf } from "../../model/pod.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import type { Around, Step } from "./step.ts";

/** What a broker in between changes: who decides, under whose name, and for how long. None for the other sources. */
export function brokerSteps({ settings, session }: Partial<Answers>, around: Around): readonly Step[] {
  if (settings === undefined || SOURCE_KINDS[settings.source].callsSts) return [];
  const { pod, facts, config } = around;
  const account = { namespace: facts.namespace.name, serviceAccount: serviceAccountOf(pod) };
  const who = `${account.namespace}/${account.serviceAccount}`;
  const isShared = sharesSessions({ ...config, source: settings.source });
  const seconds = session?.steps.at(-1)?.durationSeconds;
  return [
    {
      id: "decides",
      question: "Who decides about its sessions?",
      answer: "the webhook now, and the broker each time",
      because:
        "the sidecar asks the broker at its start and at each refresh; the broker goes by the RoleGrants and the namespace's annotations of that moment, in mode enforce",
    },
    {
      id: "sourceIdentity",
      question: "What is its source identity?",
      answer: config.sourceIdentity ? sourceIdentityOf(account) : "none",
      because: config.sourceIdentity
        ? "the setting sourceIdentity is true; it is left out where the role's trust policy does not allow sts:SetSourceIdentity"
        : "the setting sourceIdentity is false",
    },
    {
      id: "shared",
      question: "Is its session shared?",
      answer: isShared ? "yes" : "no",
      because: isShared
        ? `the setting shareSessions is true: pods of ${who} with the same role and session settings get the same session, and CloudTrail names the service account, not the pod`
        : "the setting shareSessions is false",
    },
    {
      id: "withdrawn",
      question: "What if its rule is withdrawn?",
      answer: "the sidecar gives its session to nobody from the next refresh on",
      because: `that is after two thirds of a session or sooner; what the app has by then works on, ${seconds === undefined ? "an hour" : `${seconds} seconds`} at most from its beginning, since STS takes no session back. Annotation ${ANNOTATION.sessionDuration} makes sessions shorter, 900 seconds at least`,
    },
  ];
}
