import type { Source } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { admitPod } from "../../review/admit-pod.ts";
import { namedRole, type BaseRoleArn } from "../../model/arn.ts";
import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { sentence } from "../../model/findings.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { sessionRequest } from "../../decide/session.ts";
import { nameOfObject, templateOf } from "../../model/workload.ts";
import type { Need } from "./calls.ts";
import type { Warning } from "./document.ts";
import { nameOf } from "./principal.ts";
import { distinct, named, nameProblem, type Subject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import { stepsTo } from "../../decide/steps.ts";
import { placeholders } from "../../mutate/fresh.ts";

/** What the command line asks for instead of a pod. */
export interface Wanted {
  /** An ARN, or a name that the base completes. */
  readonly role: string;
  readonly base: BaseRoleArn | undefined;
  readonly source: Source;
  readonly subjects: readonly Subject[];
  readonly externalId: string | undefined;
  /** JSON, as in the annotation. */
  readonly sessionTags: string | undefined;
}

/**
 * What a pod with these annotations would need, by the functions that decide about pods.
 * @throws CodedError `ROLE_INVALID` or, for what a pod would be denied for, the finding's own code
 */
export function needOfWishes(wanted: Wanted, config: InjectorConfig): Need {
  const found = namedRole(wanted.role, wanted.base);
  if (found.kind !== "arn") {
    const shown = JSON.stringify(wanted.role.slice(0, 200));
    throw found.kind === "malformed"
      ? new CodedError("ROLE_INVALID", `${shown} is no role name, path/name or role ARN.`, {
          remedy:
            "Write a name such as billing-reader or an ARN such as arn:aws:iam::111122223333:role/billing-reader.",
        })
      : new CodedError("ROLE_INVALID", `${shown} is a name, and nothing says of which account.`, {
          remedy: "Give the whole ARN, or --base-role-arn.",
        });
  }
  const annotations = {
    ...(wanted.externalId === undefined ? {} : { [config.keys.externalId]: wanted.externalId }),
    ...(wanted.sessionTags === undefined ? {} : { [config.keys.sessionTags]: wanted.sessionTags }),
  };
  const settings = { ...config, source: wanted.source };
  const { request, findings } = sessionRequest(annotations, settings);
  const { steps, findings: problems } = stepsTo(found.arn, request, settings);
  const denied = [...findings, ...problems].find(({ severity }) => severity === "deny");
  if (denied !== undefined) {
    throw new CodedError(denied.code, denied.message, { remedy: denied.remedy });
  }
  return {
    role: found.arn,
    source: wanted.source,
    audience: config.tokenAudience,
    steps,
    subjects: wanted.subjects,
    sourceIdentity: setsIdentity(settings),
  };
}

/** What an object's pods need: one need for each of their roles, none if they get no role; or why they would be denied, a sentence. */
export type PodNeeds =
  | { readonly kind: "needs"; readonly needs: readonly Need[] }
  | { readonly kind: "denied"; readonly why: string };

export function needsOfPod(object: Fields, facts: Facts, config: InjectorConfig): PodNeeds {
  const pod = templateOf(object)?.pod ?? object;
  const outcome = admitPod(pod, facts, config, placeholders);
  const denied = (reasons: string): PodNeeds => ({
    kind: "denied",
    why: `${nameOfObject(object, facts.namespace.name)} would be denied, so it needs no trust policy: ${reasons}`,
  });
  if (outcome.kind === "deny") {
    return denied(
      outcome.findings
        .filter(({ severity }) => severity === "deny")
        .map(sentence)
        .join(" "),
    );
  }
  if (outcome.kind !== "inject" || outcome.sidecar === undefined) return { kind: "needs", needs: [] };
  const { source, audience, identities } = outcome.sidecar;
  const subject = { namespace: facts.namespace.name, serviceAccount: serviceAccountIn(pod) };
  const problem = nameProblem(subject);
  if (problem !== undefined) return denied(`[SUBJECT_INVALID] ${problem} Correct the manifest.`);
  const sourceIdentity = setsIdentity({ ...config, source });
  const shared = { source, audience, sourceIdentity, subjects: [subject] };
  return { kind: "needs", needs: identities.map(({ role, steps }) => ({ ...shared, role, steps })) };
}

const setsIdentity = ({ source, sourceIdentity }: InjectorConfig): boolean =>
  sourceIdentity && !SOURCE_KINDS[source].callsSts;

/** Needs that differ in their service accounts alone as one, in the order of roles and then of service accounts: stable from run to run. */
export function groupedNeeds(needs: readonly Need[]): readonly Need[] {
  const byCalls = Map.groupBy(needs, (need) => JSON.stringify({ ...need, subjects: [] }));
  return [...byCalls]
    .toSorted(([one], [other]) => inOrder(one, other))
    .toSorted(([, [one]], [, [other]]) => inOrder(one?.role ?? "", other?.role ?? ""))
    .flatMap(([, alike]) => {
      const subjects = distinct(alike.flatMap((need) => need.subjects));
      return alike.slice(0, 1).map((first) => ({
        ...first,
        subjects: subjects.toSorted((one, other) => inOrder(named(one), named(other))),
      }));
    });
}

const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** A warning if the hub role is set, but not used. */
export function aboutHub({ steps, source }: Need, { hubRole }: InjectorConfig): readonly Warning[] {
  if (hubRole === undefined || steps.length > 1 || SOURCE_KINDS[source].firstCall === "AssumeRole") return [];
  const message = `The hub role ${hubRole} is not used: the pod asks for neither an external id nor session tags.`;
  return [{ code: "HUB_UNUSED", message }];
}

/** A note if the session is longer than a role's default maximum. */
export function aboutDuration({ steps, role }: Need): readonly string[] {
  const seconds = steps.at(-1)?.durationSeconds ?? 0;
  if (seconds <= 3600) return [];
  const command = `aws iam update-role --role-name ${nameOf(role)} --max-session-duration ${seconds}`;
  return [`The session lasts ${seconds} seconds, and a role allows 3600 unless it is changed: ${command}`];
}
