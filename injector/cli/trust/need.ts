import type { Source } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { admitPod } from "../../review/admit-pod.ts";
import { namedRole, type BaseRoleArn, type RoleArn } from "../../model/arn.ts";
import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { sentence } from "../../model/findings.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { sessionRequest } from "../../decide/session.ts";
import { nameOfObject, templateOf } from "../../model/workload.ts";
import type { Need } from "./documents.ts";
import type { Warning } from "./document.ts";
import { nameOf } from "./principal.ts";
import type { Subject } from "./subject.ts";
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
  const named = namedRole(wanted.role, wanted.base);
  if (named.kind !== "arn") {
    const shown = JSON.stringify(wanted.role.slice(0, 200));
    throw named.kind === "malformed"
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
  const { steps, findings: problems } = stepsTo(named.arn, request, settings);
  const denied = [...findings, ...problems].find(({ severity }) => severity === "deny");
  if (denied !== undefined) {
    throw new CodedError(denied.code, denied.message, { remedy: denied.remedy });
  }
  return {
    role: named.arn,
    source: wanted.source,
    audience: config.tokenAudience,
    steps,
    subjects: wanted.subjects,
    sourceIdentity: setsIdentity(settings),
  };
}

/**
 * What an object's pods need: one need for each of their roles, none if they get no role.
 * @throws CodedError `POD_DENIED`
 */
export function needsOfPod(object: Fields, facts: Facts, config: InjectorConfig): readonly Need[] {
  const pod = templateOf(object)?.pod ?? object;
  const outcome = admitPod(pod, facts, config, placeholders);
  if (outcome.kind === "deny") {
    const reasons = outcome.findings.filter(({ severity }) => severity === "deny").map(sentence);
    const name = nameOfObject(object, facts.namespace.name);
    throw new CodedError(
      "POD_DENIED",
      `${name} would be denied, so it needs no trust policy: ${reasons.join(" ")}`,
    );
  }
  if (outcome.kind !== "inject" || outcome.sidecar === undefined) return [];
  const { source, audience, identities } = outcome.sidecar;
  const subject = { namespace: facts.namespace.name, serviceAccount: serviceAccountIn(pod) };
  const sourceIdentity = setsIdentity({ ...config, source });
  const shared = { source, audience, sourceIdentity, subjects: [subject] };
  return identities.map(({ role, steps }) => ({ ...shared, role, steps }));
}

const setsIdentity = ({ source, sourceIdentity }: InjectorConfig): boolean =>
  sourceIdentity && !SOURCE_KINDS[source].callsSts;

/**
 * Several pods' needs as one, if all have one role and reach it by the same calls.
 * @param role of which they are wanted; undefined: of the only one
 * @throws CodedError `NO_ROLE`, `ROLES_DIFFER`, `CALLS_DIFFER`
 */
export function oneNeed(needs: readonly Need[], role: RoleArn | undefined): Need {
  const roles = [...new Set(needs.map((need) => need.role))];
  const wanted = role === undefined ? needs : needs.filter((need) => need.role === role);
  const [first] = wanted;
  if (first === undefined) {
    const of = role === undefined ? "a role" : role;
    throw new CodedError("NO_ROLE", `None of these pods gets ${of}.`, {
      remedy: "podrole explain shows the decision, and what could name a role.",
    });
  }
  if (role === undefined && roles.length > 1) {
    throw new CodedError(
      "ROLES_DIFFER",
      "These pods have several roles, and each role needs its own policy.",
      {
        remedy: `Choose one with --role: ${roles.slice(0, 20).join(", ")}.`,
      },
    );
  }
  const calls = (need: Need): string => JSON.stringify([need.source, need.audience, need.steps]);
  if (wanted.some((need) => calls(need) !== calls(first))) {
    throw new CodedError(
      "CALLS_DIFFER",
      `These pods reach ${first.role} by different calls, with tokens of different audiences, or with different session settings.`,
      {
        remedy: "Ask for one of them at a time.",
      },
    );
  }
  return { ...first, subjects: wanted.flatMap(({ subjects }) => subjects) };
}

/**
 * One need, or one for each role where a broker makes the sessions of all: its own policy names all roles.
 * @param role of which they are wanted; undefined: of any
 * @throws as {@link oneNeed}
 */
export function chosenNeeds(needs: readonly Need[], role: RoleArn | undefined): readonly Need[] {
  const byBroker = needs.length > 0 && needs.every(({ source }) => !SOURCE_KINDS[source].callsSts);
  if (role !== undefined || !byBroker) return [oneNeed(needs, role)];
  return [...new Set(needs.map((need) => need.role))].map((one) => oneNeed(needs, one));
}

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
