import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { accountOf, type RoleArn } from "../../model/arn.ts";
import { policyOf, type Condition, type Explained, type PolicyDocument, type Warning } from "./document.ts";
import type { Caller } from "./principal.ts";
import { aboutSubjects, type Subject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** A role or user that calls AssumeRole. */
export function trustOfCaller(
  { externalId, tags = {} }: Step,
  caller: Caller,
  subjects: readonly Subject[],
  source: Source,
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const tagged = Object.keys(tags).length > 0;
  const told = Object.hasOwn(tags, NAMESPACE_TAG) && Object.hasOwn(tags, ACCOUNT_TAG);
  // One statement for each: two lists in one condition would allow each namespace every service account of the others.
  const whose = told ? subjects : [undefined];
  const parts = whose.flatMap((subject, index): Explained[] => {
    const byTags = subject === undefined ? {} : tagCondition(subject, tags);
    const lines = subject === undefined ? {} : tagLines(subject, tags);
    const number = whose.length > 1 ? String(index + 1) : "";
    const assume = explainedCall(`AssumeRole${number}`, caller, {
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
    const tag = explainedCall(`TagSession${number}`, caller, {
      action: "sts:TagSession",
      condition: byTags,
      lines,
    });
    return [assume, tag];
  });
  const warnings = [
    ...(told ? aboutSubjects(subjects) : []),
    ...(caller.kind === "account" ? [WHOLE_ACCOUNT(caller)] : []),
    ...(told ? [TAGS_UNPROVEN(caller, source)] : [NOT_TOLD_APART(caller, source)]),
  ];
  return { ...policyOf(parts), warnings };
}

function explainedCall(
  Sid: string,
  caller: Caller,
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
  const who = {
    role: "The role that the call is made with. IAM keeps its id and not its name: a role that is deleted and created again under its name has to be trusted again.",
    user: "The user whose keys the sidecar starts with.",
    account: "Everybody in this account whose own policy allows the call.",
  }[caller.kind];
  return {
    statement: {
      Sid,
      Effect: "Allow",
      Principal: { AWS: caller.arn },
      Action: action,
      ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
    },
    lines: {
      "Principal.AWS": who,
      Action: action === "sts:AssumeRole" ? "The call for the role." : TAG_ACTION,
      ...lines,
    },
  };
}

const TAG_ACTION =
  "The session carries tags that tell which pod it is for; without sts:TagSession STS refuses the whole call.";
const NAMESPACE_TAG = "kubernetes-namespace";
const ACCOUNT_TAG = "kubernetes-service-account";
const CLUSTER_TAG = "kubernetes-cluster-name";
const requestTag = (tag: string): string => `aws:RequestTag/${tag}`;

function tagCondition(
  { namespace, serviceAccount }: Subject,
  tags: Readonly<Record<string, string>>,
): Condition {
  const pairs: [string, string][] = [
    [requestTag(NAMESPACE_TAG), namespace],
    [requestTag(ACCOUNT_TAG), serviceAccount],
    ...(tags[CLUSTER_TAG] === undefined
      ? []
      : [[requestTag(CLUSTER_TAG), tags[CLUSTER_TAG]] as [string, string]]),
  ];
  const [like, equal] = [true, false].map((wild) =>
    pairs.filter(([, value]) => value.includes("*") === wild),
  );
  return {
    ...(equal?.length ? { StringEquals: Object.fromEntries(equal) } : {}),
    ...(like?.length ? { StringLike: Object.fromEntries(like) } : {}),
  };
}

const tagLines = (
  subject: Subject,
  tags: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(tagCondition(subject, tags)).flatMap(([operator, pairs]) =>
      Object.keys(pairs ?? {}).map((key) => [
        `Condition.${operator}.${key}`,
        `Only sessions whose tag ${key.slice("aws:RequestTag/".length)} ${operator === "StringLike" ? "fits" : "is"} this. podrole's sidecar sets it to its pod's.`,
      ]),
    ),
  );

const merged = (one: Condition, other: Condition): Condition => ({
  ...other,
  StringEquals: { ...one.StringEquals, ...other.StringEquals },
});

/** What the caller's own policies have to allow. */
export function permissions(
  role: RoleArn,
  { tags }: Step,
  caller: Caller,
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const action = tags === undefined ? "sts:AssumeRole" : ["sts:AssumeRole", "sts:TagSession"];
  const statement = { Sid: `Assume`, Effect: "Allow", Action: action, Resource: role } as const;
  const needed =
    caller.account === accountOf(role)
      ? "In one account a trust policy that names the caller is enough; this says the same from the caller's side."
      : "Between accounts both sides have to allow the call.";
  const lines = {
    Action: tags === undefined ? "The call for the role." : TAG_ACTION,
    Resource: `This role alone, and no wildcard: what stands here can be had by whoever becomes the caller. ${needed}`,
  };
  return { ...policyOf([{ statement, lines }]), warnings: [] };
}

const WHOLE_ACCOUNT = ({ account }: Caller): Warning => ({
  code: "PRINCIPAL_ACCOUNT",
  message: `This trusts the whole of account ${account}: whoever administers it decides who gets the role. Name one role or user.`,
});

/** The caller chooses its own tags. */
const TAGS_UNPROVEN = ({ arn }: Caller, source: Source): Warning => ({
  code: "PRINCIPAL_SHARED",
  message: `IAM cannot verify the tags: whoever can act as ${arn} can claim any.${SOURCE_KINDS[source].opensGuard ? " On a node, podrole's guard and policy are what keeps pods from that." : ""}`,
});

const NOT_TOLD_APART = ({ arn }: Caller, source: Source): Warning => ({
  code: "PODS_NOT_TOLD_APART",
  message: `Nothing in this policy tells pods apart: whoever can act as ${arn} gets the role.${SOURCE_KINDS[source].defaultPolicy === "listed" ? "" : " Only podrole's policy decides which pods do."}`,
});
