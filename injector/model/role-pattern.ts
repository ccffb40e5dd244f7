import { parseRoleArn, type BaseRoleArn, type RoleArn } from "./arn.ts";
import { type Glob, globMatches, globOf, globOfAnyCase } from "./glob.ts";

/** An entry of a RoleGrant's `roles`: a glob over whole ARNs, or over names. */
export interface RolePattern {
  readonly glob: Glob;
  readonly isName: boolean;
}

/** What begins like this is about ARNs: a star alone has always been every role of every account. */
const OF_ARNS = /^(?:arn:|\*)/i;

const asName = (text: string): string => text.replace(/^\//, "");

/** @param text a name, path and name, ARN, or a glob over one of them */
export function allowedPattern(text: string): RolePattern {
  const isName = !OF_ARNS.test(text);
  return { glob: globOf(isName ? asName(text) : text), isName };
}

/** The same for a Deny: to IAM, names that differ only in case are the same, so a role is denied in every spelling. */
export function deniedPattern(text: string): RolePattern {
  const isName = !OF_ARNS.test(text);
  return { glob: globOfAnyCase(isName ? asName(text) : text), isName };
}

/** A role as patterns are compared with it. */
export interface RoleSubject {
  readonly arn: string;
  /** Path and name. */
  readonly name: string;
  /** What follows the base ARN; undefined for a role that is not below it. */
  readonly below: string | undefined;
}

export const subjectOf = (arn: RoleArn, base: BaseRoleArn | undefined): RoleSubject => ({
  arn,
  name: arn.slice(arn.indexOf(":role/") + ":role/".length),
  below: base !== undefined && arn.startsWith(base) ? arn.slice(base.length) : undefined,
});

/** For the patterns of a Deny. */
export const inAnyCase = ({ arn, name, below }: RoleSubject): RoleSubject => ({
  arn: arn.toLowerCase(),
  name: name.toLowerCase(),
  below: below?.toLowerCase(),
});

/** A name is below the base ARN, as in a namespace's list. */
export const allowsRole = ({ glob, isName }: RolePattern, { arn, below }: RoleSubject): boolean =>
  isName ? below !== undefined && globMatches(glob, below) : globMatches(glob, arn);

/** A Deny by name is about every account: with a base ARN or without, it denies no less than its author meant. */
export const deniesRole = ({ glob, isName }: RolePattern, { arn, name, below }: RoleSubject): boolean =>
  isName
    ? globMatches(glob, name) || (below !== undefined && globMatches(glob, below))
    : globMatches(glob, arn);

/**
 * Why no role can ever match a pattern, to go on after the pattern; undefined if one might. Of a pattern with stars, the parts
 * before the first and after the last are looked at.
 * @param hasBase whether the setting `baseRoleArn` is set
 */
export function whyNever({ glob, isName }: RolePattern, hasBase: boolean): string | undefined {
  const head = (isName ? BASE : "") + glob.head;
  const { tail } = glob;
  const mayBeArn = tail === undefined ? isArn(head) : beginsArn(head) && endsArn(tail);
  if (!mayBeArn) return isName ? "is no name of a role" : "is no ARN of a role";
  return isName && !hasBase ? NEEDS_BASE : undefined;
}

export const NEEDS_BASE = "is a name, and names need the setting baseRoleArn";

const BASE = "arn:aws:iam::000000000000:role/";
const EXAMPLE = `${BASE}x`;
const isArn = (text: string): boolean => parseRoleArn(text) !== undefined;
/** The example from each of its characters on, and up to it. */
const PLACES = Array.from({ length: EXAMPLE.length + 1 }, (_, index) => index);
const beginsArn = (head: string): boolean => PLACES.some((at) => isArn(head + EXAMPLE.slice(at)));
const endsArn = (tail: string): boolean => PLACES.some((at) => isArn(EXAMPLE.slice(0, at) + tail));
