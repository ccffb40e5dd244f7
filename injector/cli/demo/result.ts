import type { Operation } from "../../patch.ts";

/** One example, as the webhook answered to it. */
export interface Reviewed {
  readonly file: string;
  readonly object: string;
  readonly decision: "patched" | "unchanged" | "denied";
  /** Why it was denied. */
  readonly message?: string;
  readonly warnings: readonly string[];
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

/** What became known while the demo ran; it may have ended early. */
export interface Facts {
  /** Undefined: the pod runs in network namespaces. */
  readonly skipped?: string;
  readonly examples: readonly Reviewed[];
  readonly pod?: { readonly example: string; readonly name: string; readonly role: string };
  /** By container: who the SDK in it says it is. */
  readonly identities: Readonly<Record<string, AppReport>>;
  readonly before?: Metadata;
  readonly after?: Metadata;
  /** What ended the demo before its time. */
  readonly error?: string;
}

/** One thing the demo is to show, and whether it did. */
interface Claim {
  readonly claim: string;
  readonly holds: boolean;
}

export interface DemoResult extends Facts {
  readonly ok: boolean;
  readonly podArn: string | undefined;
  readonly nodeArn: string | undefined;
  readonly claims: readonly Claim[];
  readonly elapsedMs: number;
}

/** Weighs what was seen. Pure. */
export function resultOf(facts: Facts, elapsedMs: number): DemoResult {
  const podArn = Object.values(facts.identities).at(-1)?.arn;
  const nodeArn = facts.before?.report.arn;
  const claims = [
    ...podClaims(facts, podArn),
    ...(facts.skipped === undefined ? nodeClaims(facts, podArn) : []),
  ];
  const ok = facts.error === undefined && claims.every(({ holds }) => holds);
  return { ok, ...facts, podArn, nodeArn, claims, elapsedMs: Math.round(elapsedMs) };
}

function podClaims({ examples, pod, identities }: Facts, podArn: string | undefined): readonly Claim[] {
  const role = pod?.role.split("/").at(-1);
  const arns = Object.values(identities).map(({ arn }) => arn);
  return [
    {
      claim: "the injector patched the examples",
      holds: examples.some(({ decision }) => decision === "patched"),
    },
    {
      claim: "every container that gets credentials has the pod's role",
      holds: podArn !== undefined && arns.every((arn) => arn?.split("/")[1] === role),
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
