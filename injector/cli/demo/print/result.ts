import type { Operation } from "../../../mutate/patch.ts";
import type { Fields } from "../../../model/read.ts";
import { brokerClaims, type BrokerFacts } from "./broker-facts.ts";
import type { Claim } from "./claim.ts";
import type { StepRecord } from "./progress.ts";

/** One example, as the webhook answered to it. */
export interface Reviewed {
  readonly file: string;
  readonly object: string;
  readonly decision: "patched" | "unchanged" | "denied";
  /** Why it was denied. */
  readonly message?: string;
  readonly warnings: readonly string[];
  /** As it was sent to the webhook. */
  readonly pod: Fields;
  /** RFC 6902. */
  readonly patch: readonly Operation[];
}

/** What the app says of itself: who it is, and how its connections ended. */
export interface AppReport {
  readonly arn?: string;
  readonly error?: string;
  readonly ms: number;
  readonly attempts: readonly { readonly address: string; readonly outcome: string; readonly ms: number }[];
}

/** A plain SDK app and the metadata service. */
export interface Metadata {
  readonly report: AppReport;
  /** Requests that arrived there in the meantime. */
  readonly requests: number;
}

/** The pod that runs. */
export interface RunPod {
  readonly example: string;
  readonly name: string;
  /** Its own role's ARN; empty where only its containers have roles. */
  readonly role: string;
  /** ARNs of the roles that single containers have in its place. */
  readonly containerRoles: Readonly<Record<string, string>>;
}

/** What the demo has seen so far; it may have ended early. */
export interface Facts {
  /** Undefined: the pod runs in network namespaces. */
  readonly skipped?: string;
  readonly examples: readonly Reviewed[];
  readonly pod?: RunPod;
  /** By container: who the SDK in it says it is. */
  readonly identities: Readonly<Record<string, AppReport>>;
  readonly before?: Metadata;
  readonly after?: Metadata;
  /** Source `broker` only. */
  readonly broker?: BrokerFacts;
  /** Why the demo ended early. */
  readonly error?: string;
}

export interface DemoResult extends Facts {
  readonly steps: readonly StepRecord[];
  readonly ok: boolean;
  readonly podArn: string | undefined;
  readonly nodeArn: string | undefined;
  readonly claims: readonly Claim[];
  readonly elapsedMs: number;
}

/** Judges what was seen. Pure. */
export function resultOf(facts: Facts, elapsedMs: number, steps: readonly StepRecord[] = []): DemoResult {
  const podArn = podArnOf(facts);
  const nodeArn = facts.before?.report.arn;
  const claims = [
    ...podClaims(facts, podArn),
    ...(facts.skipped === undefined ? nodeClaims(facts, podArn) : []),
    ...(facts.broker === undefined ? [] : brokerClaims(facts.broker, facts.identities)),
  ];
  const ok = facts.error === undefined && claims.every(({ holds }) => holds);
  return { ok, ...facts, podArn, nodeArn, claims, steps, elapsedMs: Math.round(elapsedMs) };
}

/** Of the last container that has the pod's own role; where none has, of the last. */
function podArnOf({ pod, identities }: Facts): string | undefined {
  const all = Object.entries(identities);
  const own = all.filter(([container]) => pod?.containerRoles[container] === undefined);
  return (own.at(-1) ?? all.at(-1))?.[1].arn;
}

function podClaims({ examples, pod, identities }: Facts, podArn: string | undefined): readonly Claim[] {
  const hasItsRole = ([container, { arn }]: readonly [string, AppReport]): boolean => {
    const role = pod?.containerRoles[container] ?? pod?.role;
    return arn !== undefined && arn.split("/")[1] === role?.split("/").at(-1);
  };
  return [
    {
      claim: "the injector patched the examples",
      holds: examples.some(({ decision }) => decision === "patched"),
    },
    {
      claim: "every container that gets credentials has the role that its pod gives it",
      holds: podArn !== undefined && Object.entries(identities).every(hasItsRole),
    },
  ];
}

function nodeClaims({ before, after }: Facts, podArn: string | undefined): readonly Claim[] {
  const nodeArn = before?.report.arn;
  const attempts = after?.report.attempts ?? [];
  return [
    { claim: "without the guard, a plain app is the node", holds: nodeArn !== undefined },
    { claim: "the pod is not the node", holds: podArn !== undefined && podArn !== nodeArn },
    {
      claim: "behind the guard, a plain app has no identity",
      holds: after !== undefined && after.report.arn === undefined,
    },
    {
      claim: "behind the guard, every connection to the metadata service is refused",
      holds: attempts.length > 0 && attempts.every(({ outcome }) => outcome === "ECONNREFUSED"),
    },
    { claim: "behind the guard, no request arrives there", holds: after?.requests === 0 },
  ];
}
