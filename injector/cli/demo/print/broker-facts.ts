import type { Claim } from "./claim.ts";

/** What the broker answered: a status, with code and message of a refusal, or why there was no answer. */
export interface BrokerAnswer {
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly error?: string;
}

/** The call that made a pod's session, as STS saw it. */
export interface SessionCall {
  readonly action: string;
  readonly caller: string | undefined;
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  readonly sourceIdentity: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** What was seen of the broker so far. */
export interface BrokerFacts {
  /** Who the broker is: the one identity that roles have to trust. */
  readonly arn: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly call?: SessionCall;
  /** Everybody who has assumed a role by then. */
  readonly callers?: readonly string[];
  /** To the pod's token, shown from elsewhere for a role that is not the pod's. */
  readonly otherRole?: BrokerAnswer;
  /** To a pod that was made without the webhook, for the role of its annotation. */
  readonly notInjected?: BrokerAnswer;
  /** What the sidecar logged of its next refresh, after its namespace's roles were withdrawn. */
  readonly withdrawn?: BrokerAnswer;
  /** Once they were allowed again: until when the sidecar then holds credentials. */
  readonly heldUntil?: string;
  /** To the pod's token once the broker was stopped. */
  readonly stopped?: BrokerAnswer;
  /** Who the app of this container was when it ran once more after that. */
  readonly withoutBroker?: { readonly container: string; readonly arn?: string };
}

/** What source `broker` is to show. Pure. */
export function brokerClaims(
  { arn, pod, call, callers, withoutBroker, ...seen }: BrokerFacts,
  identities: Readonly<Record<string, { readonly arn?: string }>>,
): readonly Claim[] {
  const isRefused = (answer: BrokerAnswer | undefined, code: string): boolean =>
    answer?.status === 403 && answer.code === code;
  return [
    {
      claim: "the broker's identity, and no other, assumed roles",
      holds: call?.caller === arn && callers?.every((caller) => caller === arn) === true,
    },
    {
      claim: "the session names the pod: session name, source identity and tags",
      holds:
        call?.sessionName?.includes(pod.name) === true &&
        call.sourceIdentity !== undefined &&
        call.tags["kubernetes-pod-uid"] === pod.uid,
    },
    {
      claim: "the pod's token gets no other role",
      holds: isRefused(seen.otherRole, "ROLE_NOT_OF_POD"),
    },
    {
      claim: "a pod made without the webhook gets no role",
      holds: isRefused(seen.notInjected, "POD_NOT_INJECTED"),
    },
    {
      claim: "a role that is withdrawn is refused at the next refresh",
      holds: seen.withdrawn?.code === "ROLE_NOT_ALLOWED",
    },
    {
      claim: "without the broker, the app goes on with the credentials held",
      holds:
        seen.stopped?.error !== undefined &&
        withoutBroker?.arn !== undefined &&
        withoutBroker.arn === identities[withoutBroker.container]?.arn,
    },
  ];
}
