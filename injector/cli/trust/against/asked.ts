import { parseRoleArn, type RoleArn } from "../../../model/arn.ts";
import { principalOfNodes } from "../broker.ts";
import type { DocumentName } from "../document.ts";
import { callsOf, providerIn, type Need, type Parties, type PlacedCall } from "../calls.ts";
import { providerFor } from "../federated.ts";
import type { Caller } from "../principal.ts";
import type { Provider } from "../provider.ts";
import { BROKER } from "../../live/deployment.ts";
import { distinct, subOf, type Subject } from "../subject.ts";
import { keysOfCaller, keysOfService, keysOfToken, type RequestKeys } from "./request-keys.ts";

/** One call of STS for a pod, as IAM sees it when it reads the trust policy of the role that is asked for. */
export interface AskedCall {
  readonly document: DocumentName;
  readonly role: RoleArn;
  /** For whose pods; for the broker's own role, the broker. */
  readonly subject: Subject;
  readonly who: Presented;
  readonly actions: readonly AskedAction[];
  /** Of the session that is asked for; absent: as long as every role allows. */
  readonly durationSeconds?: number;
}

export interface AskedAction {
  readonly name: string;
  /** False: without it the call is made without what it is for. */
  readonly required: boolean;
  readonly keys: RequestKeys;
}

/** Who makes the call. */
export type Presented =
  | {
      readonly kind: "token";
      readonly provider: string;
      readonly hostPath: string;
      readonly audience: string;
      readonly sub: string;
    }
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "service"; readonly name: string };

/** Every call that the needs lead to, one for each service account. Pure. */
export const askedCalls = (needs: readonly Need[], parties: Parties): readonly AskedCall[] => [
  ...needs.flatMap((need) =>
    callsOf(need, parties).flatMap((call) =>
      distinct(need.subjects).map((subject) => askedBy(call, subject, parties)),
    ),
  ),
  ...askedByBroker(parties),
];

function askedBy(call: PlacedCall, subject: Subject, parties: Parties): AskedCall {
  const { role, isLast, caller, need, step, sourceIdentity } = call;
  const asked = {
    document: isLast ? "trust" : "hub-trust",
    role,
    subject,
    ...(step.durationSeconds === undefined ? {} : { durationSeconds: step.durationSeconds }),
  } as const;
  if (caller === undefined)
    return { ...asked, ...byToken(role, subject, need.audience, providerIn(parties)) };
  const keys = keysOfCaller(caller, step, subject);
  const action = (name: string, required: boolean): AskedAction => ({ name, required, keys: keys(name) });
  const isTagged = Object.keys(step.tags ?? {}).length > 0;
  return {
    ...asked,
    who: { kind: "caller", caller },
    actions: [
      action("sts:AssumeRole", true),
      ...(isTagged ? [action("sts:TagSession", true)] : []),
      ...(sourceIdentity ? [action("sts:SetSourceIdentity", false)] : []),
    ],
  };
}

function byToken(
  role: RoleArn,
  subject: Subject,
  audience: string,
  provider: Provider,
): Pick<AskedCall, "who" | "actions"> {
  const { hostPath } = provider;
  const sub = subOf(subject);
  return {
    who: { kind: "token", provider: providerFor(role, provider).arn, hostPath, audience, sub },
    actions: [
      {
        name: "sts:AssumeRoleWithWebIdentity",
        required: true,
        keys: keysOfToken(hostPath, audience, sub),
      },
    ],
  };
}

function askedByBroker({ caller, broker }: Parties): readonly AskedCall[] {
  const role = caller === undefined ? undefined : parseRoleArn(caller.arn);
  if (role === undefined || broker === undefined || broker.type === "secret") return [];
  if (broker.type === "node") {
    const who = { kind: "service", name: principalOfNodes(role) } as const;
    const actions = [{ name: "sts:AssumeRole", required: true, keys: keysOfService }];
    return [{ document: "broker-trust", role, subject: { namespace: "", serviceAccount: "" }, who, actions }];
  }
  const subject = { namespace: broker.namespace, serviceAccount: BROKER };
  return [
    { document: "broker-trust", role, subject, ...byToken(role, subject, broker.audience, broker.provider) },
  ];
}
