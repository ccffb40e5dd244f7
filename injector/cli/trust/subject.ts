import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Warning } from "./document.ts";

/** The service account that a role is for. A name contains `*` only if the command line asked for it. */
export interface Subject {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Kubernetes' own grammar: RFC 1123's label, and labels with dots between. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * For the command line, where `*` stands for any run of characters.
 * @throws CodedError `SUBJECT_INVALID`
 */
export function parseSubject(namespace: string, serviceAccount: string): Subject {
  const subject = { namespace, serviceAccount };
  const problem = nameProblem(subject, (name) => name.replaceAll("*", "x"));
  if (problem === undefined) return subject;
  throw new CodedError("SUBJECT_INVALID", problem, {
    remedy: "Names hold lower-case letters, digits and dashes; * stands for any run of characters.",
  });
}

/**
 * Why Kubernetes can have no such service account, a sentence. What a file names has to be one: IAM would read its `*` or `${…}` as more
 * than a name, and let in other pods than that.
 */
export function nameProblem(
  { namespace, serviceAccount }: Subject,
  filled: (name: string) => string = (name) => name,
): string | undefined {
  const wrong = (what: string, name: string): string =>
    `${JSON.stringify(name.slice(0, 120))} can be no ${what}'s name.`;
  if (!LABEL.test(filled(namespace))) return wrong("namespace", namespace);
  return SUBDOMAIN.test(filled(serviceAccount)) ? undefined : wrong("service account", serviceAccount);
}

/** As a service account's token names it. */
export const subOf = ({ namespace, serviceAccount }: Subject): string =>
  `system:serviceaccount:${namespace}:${serviceAccount}`;

export const isWild = (subject: Subject): boolean => subOf(subject).includes("*");

/** Without duplicates, in the given order. */
export const distinct = (subjects: readonly Subject[]): readonly Subject[] => [
  ...new Map(subjects.map((subject) => [subOf(subject), subject])).values(),
];

/** `namespace/name` */
export const named = ({ namespace, serviceAccount }: Subject): string => `${namespace}/${serviceAccount}`;

/** Warnings about subjects that match more than one service account may be meant to. */
export function aboutSubjects(subjects: readonly Subject[]): readonly Warning[] {
  return subjects.flatMap((subject): Warning[] => {
    if (isWild(subject)) {
      return [
        {
          code: "SUBJECT_WILDCARD",
          message: `${named(subject)} also matches service accounts that do not exist yet: whoever can create one that matches gets the role.`,
        },
      ];
    }
    if (subject.serviceAccount !== "default") return [];
    const message = `${named(subject)} is used by every pod there that names no other: give the pod its own service account.`;
    return [{ code: "SUBJECT_DEFAULT", message }];
  });
}
