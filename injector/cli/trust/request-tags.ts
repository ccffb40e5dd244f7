import type { Source } from "../../../sidecar/contract/session.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import type { Condition } from "./document.ts";
import type { Subject } from "./subject.ts";

export const NAMESPACE_TAG = "kubernetes-namespace";
export const ACCOUNT_TAG = "kubernetes-service-account";
const CLUSTER_TAG = "kubernetes-cluster-name";
export const requestTag = (tag: string): string => `aws:RequestTag/${tag}`;

/** Whether a session's tags tell which service account it is for. */
export const tellsAccount = (tags: Readonly<Record<string, string>>): boolean =>
  Object.hasOwn(tags, NAMESPACE_TAG) && Object.hasOwn(tags, ACCOUNT_TAG);

/** The tags of a session for this service account; what only the pod itself tells is left as a placeholder. */
export const tagsFor = (
  { namespace, serviceAccount }: Subject,
  tags: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(tags).map(([tag, value]) => [
      tag,
      value.replaceAll("{namespace}", namespace).replaceAll("{serviceAccount}", serviceAccount),
    ]),
  );

/** By which only sessions with this service account's tags are allowed. */
export function tagCondition(
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

/** That condition's lines, in words. */
export const tagLines = (
  subject: Subject,
  tags: Readonly<Record<string, string>>,
  source: Source,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(tagCondition(subject, tags)).flatMap(([operator, pairs]) =>
      Object.keys(pairs ?? {}).map((key) => [
        `Condition.${operator}.${key}`,
        `Only sessions whose tag ${key.slice("aws:RequestTag/".length)} ${operator === "StringLike" ? "fits" : "is"} this. ${SETS_TAGS[callerIn(source)]}`,
      ]),
    ),
  );

/** Which program of podrole's calls STS. */
export const callerIn = (source: Source): "sidecar" | "broker" =>
  SOURCE_KINDS[source].callsSts ? "sidecar" : "broker";

const SETS_TAGS = {
  sidecar: "podrole's sidecar sets it to its pod's.",
  broker: "podrole's broker sets it to that of the pod that asks.",
} as const;
