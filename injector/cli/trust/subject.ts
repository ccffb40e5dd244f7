import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Warning } from "./document.ts";

/** The service account that a role is for. A name contains `*` only if the command line asked for it. */
export interface Subject {
  readonly namespace: string;
  readonly serviceAccount: string;
}

const LABEL = /^[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?$/;
const SUBDOMAIN = /^[a-z0-9*](?:[a-z0-9.*-]{0,251}[a-z0-9*])?$/;

/** @throws CodedError `SUBJECT_INVALID` */
export function parseSubject(namespace: string, serviceAccount: string): Subject {
  const wrong = (what: string, name: string): CodedError =>
    new CodedError("SUBJECT_INVALID", `${JSON.stringify(name.slice(0, 120))} can be no ${what}'s name.`, {
      remedy: "Names hold lower-case letters, digits and dashes; * stands for any run of characters.",
    });
  if (!LABEL.test(namespace)) throw wrong("namespace", namespace);
  if (!SUBDOMAIN.test(serviceAccount)) throw wrong("service account", serviceAccount);
  return { namespace, serviceAccount };
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
