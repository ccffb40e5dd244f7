import type { Source, Step } from "../../../sidecar/contract/session.ts";
import type { RoleArn } from "../../model/arn.ts";
import { policyOf, type Condition, type Explained, type PolicyDocument, type Warning } from "./document.ts";
import type { Caller } from "./principal.ts";
import { callerIn, tagCondition, tagLines, tellsAccount } from "./request-tags.ts";
import { aboutSubjects, type Subject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** One call of AssumeRole, and by which source it is made. */
export interface Call {
  readonly role: RoleArn;
  readonly step: Step;
  readonly source: Source;
  /** Whether it sets a SourceIdentity, which only the broker does, and only in the last call. */
  readonly sourceIdentity: boolean;
}

/** A role or user that calls AssumeRole. */
export function trustOfCaller(
  { step: { externalId, tags = {} }, source, sourceIdentity }: Call,
  caller: Caller,
  subjects: readonly Subject[],
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const who = whoOf(caller, source);
  const tagged = Object.keys(tags).length > 0;
  const told = tellsAccount(tags);
  // One statement for each: two lists in one condition would allow each namespace every service account of the others.
  const whose = told ? subjects : [undefined];
  const calls = whose.flatMap((subject, index): Explained[] => {
    const byTags = subject === undefined ? {} : tagCondition(subject, tags);
    const lines = subject === undefined ? {} : tagLines(subject, tags, source);
    const number = whose.length > 1 ? String(index + 1) : "";
    const assume = explainedCall(`AssumeRole${number}`, who, {
      action: externalId === undefined && tagged ? ["sts:AssumeRole", "sts:TagSession"] : "sts:AssumeRole",
      condition:
        externalId === undefined
          ? byTags
          : merged({ StringEquals: { "sts:ExternalId": externalId } }, byTags),
      lines: {
        ...(externalId === undefined
          ? {}
          : {
              "Condition.StringEquals.sts:ExternalId":
                "Only calls that carry this external id, which the pod's annotation gives. It is not a secret: it keeps a caller that assumes roles for others from being sent to this one.",
            }),
        ...lines,
      },
    });
    if (externalId === undefined || !tagged) return [assume];
    // A statement of its own: TagSession has no external id, so a condition on one would refuse the tags.
    const tag = explainedCall(`TagSession${number}`, who, {
      action: "sts:TagSession",
      condition: byTags,
      lines,
    });
    return [assume, tag];
  });
  // Another statement of its own, and one for all: a condition on tags is not sure to see them in this action.
  const identity: readonly Explained[] = sourceIdentity
    ? [
        explainedCall("SetSourceIdentity", who, {
          action: "sts:SetSourceIdentity",
          condition: {},
          lines: { Action: IDENTITY_ACTION },
        }),
      ]
    : [];
  const warnings = [
    ...(told ? aboutSubjects(subjects) : []),
    ...(caller.kind === "account" ? [WHOLE_ACCOUNT(caller)] : []),
    ...(told ? [TAGS_UNPROVEN(caller, source)] : [NOT_TOLD_APART(caller, source)]),
  ];
  return { ...policyOf([...calls, ...identity]), warnings };
}

/** The principal of a statement, and what there is to say of it. */
interface Who {
  readonly arn: string;
  readonly line: string;
}

const whoOf = ({ arn, kind }: Caller, source: Source): Who => ({
  arn,
  line: {
    role: "The role that the call is made with. IAM keeps its id and not its name: a role that is deleted and created again under its name has to be trusted again.",
    user: `The user whose keys the ${callerIn(source)} starts with.`,
    account: "Everybody in this account whose own policy allows the call.",
  }[kind],
});

function explainedCall(
  Sid: string,
  { arn, line }: Who,
  {
    action,
    condition,
    lines,
  }: {
    readonly action: string | readonly string[];
    readonly condition: Condition;
    readonly lines: Readonly<Record<string, string>>;
  },
): Explained {
  return {
    statement: {
      Sid,
      Effect: "Allow",
      Principal: { AWS: arn },
      Action: action,
      ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
    },
    lines: {
      "Principal.AWS": line,
      Action: action === "sts:AssumeRole" ? "The call for the role." : TAG_ACTION,
      ...lines,
    },
  };
}

/** Why TagSession is among the actions. */
export const TAG_ACTION =
  "The session carries tags that tell which pod it is for; without sts:TagSession STS refuses the whole call.";
const IDENTITY_ACTION =
  "The session carries the source identity NAMESPACE.SERVICEACCOUNT, which stays in CloudTrail through every further role. A further role that the app assumes has to allow this action too, or the setting sourceIdentity be false. Where this role does not allow it, the broker leaves it out.";
const merged = (one: Condition, other: Condition): Condition => ({
  ...other,
  StringEquals: { ...one.StringEquals, ...other.StringEquals },
});

const WHOLE_ACCOUNT = ({ account }: Caller): Warning => ({
  code: "PRINCIPAL_ACCOUNT",
  message: `This trusts the whole of account ${account}: whoever administers it decides who gets the role. Name one role or user.`,
});

/** The caller chooses its own tags. */
const TAGS_UNPROVEN = ({ arn }: Caller, source: Source): Warning => ({
  code: "PRINCIPAL_SHARED",
  message: `IAM cannot verify the tags: whoever can act as ${arn} can claim any.${keptFromThat(source)}`,
});

function keptFromThat(source: Source): string {
  if (callerIn(source) === "broker") {
    return " The broker itself claims those of the pod that shows its token, as the API server has it.";
  }
  return SOURCE_KINDS[source].opensGuard
    ? " On a node, podrole's guard and policy are what keeps pods from that."
    : "";
}

const NOT_TOLD_APART = ({ arn }: Caller, source: Source): Warning => ({
  code: "PODS_NOT_TOLD_APART",
  message: `Nothing in this policy tells pods apart: whoever can act as ${arn} gets the role.${SOURCE_KINDS[source].defaultPolicy === "listed" ? "" : " Only podrole's policy decides which pods do."}`,
});
