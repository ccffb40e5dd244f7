import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { AWS_REGION, PLACEHOLDERS, POLICY_ARNS_MAX } from "../../sidecar/contract/session.ts";
import { parseJson } from "../../sidecar/kit/json.ts";
import { parsePolicyArn, type PolicyArn } from "./arn.ts";
import { isRecord } from "./read.ts";

/**
 * The values that a session can be given, each checked against STS's limits. Every parser throws an Error whose message
 * goes on after the name of the annotation or option: "must be ...".
 */

/**
 * Keys that say which pod a session belongs to. A pod's author may not set them. The flags i and u compare as Unicode does
 * without case: AWS ignores the case of keys, and to many programs the Kelvin sign is a k and the long s is an s.
 */
const RESERVED_TAGS = /^(?:aws:|kubernetes-|eks-|podrole)/iu;
const isReserved = (key: string): boolean => RESERVED_TAGS.test(key.normalize("NFKC").trim());
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** A session name with placeholders. The sidecar, which knows the pod's name, fills them and replaces invalid characters. */
export function sessionNameTemplate(raw: string): string {
  const literal = PLACEHOLDERS.reduce((rest, placeholder) => rest.replaceAll(placeholder, ""), raw);
  if (raw === "" || raw.length > 256) throw new Error("must have 1 to 256 characters");
  if (!/^[\w+=,.@-]*$/.test(literal)) {
    throw new Error(
      `may contain letters, digits, any of _+=,.@- and the placeholders ${PLACEHOLDERS.join(", ")}`,
    );
  }
  return raw;
}

/** kiam accepts any text and replaces each character that STS does not accept by a dash. */
export const asKiamCleans = (raw: string): string =>
  raw.replaceAll(
    /(\{(?:namespace|serviceAccount|pod|podUid)\})|[^\w+=,.@-]/g,
    (_, known?: string) => known ?? "-",
  );

export function externalIdOf(raw: string): string {
  if (!/^[\w+=,.@:/-]{2,1224}$/.test(raw))
    throw new Error("must be 2 to 1224 letters, digits or any of _+=,.@:/-");
  return raw;
}

export function regionOf(raw: string): string {
  if (!AWS_REGION.test(raw)) throw new Error("must be an AWS region, such as eu-west-1");
  return raw;
}

/** Seconds, or hours, minutes and seconds as Go writes a duration; from 15 minutes to 12 hours, as STS allows. */
export function durationOf(raw: string): number {
  const parts = /^(?:(\d{1,2})h)?(?:(\d{1,3})m)?(?:(\d{1,5})s?)?$/.exec(raw);
  const [, hours, minutes, seconds] = parts ?? [];
  const total = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  if (parts === null || raw === "" || total < 900 || total > 43_200) {
    throw new Error("must be from 900 to 43200 seconds, written as 3600, 45m or 1h30m");
  }
  return total;
}

/** STS: at most 50 tags, keys of 1 to 128 and values of up to 256 characters, keys compared without case. */
export function tagsOf(raw: string): Readonly<Record<string, string>> {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error('must be a JSON object such as {"team":"billing"}');
  const entries = Object.entries(parsed).map(([key, value]): [string, string] => {
    if (typeof value !== "string")
      throw new Error(`must give each tag a string, but the value of ${JSON.stringify(key)} is not one`);
    if (
      !/^.{1,128}$/u.test(key) ||
      value.length > 256 ||
      !TAG_TEXT.test(key) ||
      !TAG_TEXT.test(value.replaceAll(/[{}]/g, ""))
    ) {
      throw new Error(`has a tag that STS does not accept: ${JSON.stringify(key.slice(0, 60))}`);
    }
    if (isReserved(key)) throw new Error(`may not set the tag ${key}: it is reserved for podrole and AWS`);
    return [key, value];
  });
  // podrole keeps 7 of STS's 50 for its own tags.
  if (entries.length > 43) throw new Error("may have at most 43 tags");
  if (new Set(entries.map(([key]) => key.toUpperCase().toLowerCase())).size < entries.length) {
    throw new Error("has a key twice: STS ignores upper and lower case");
  }
  return Object.fromEntries(entries);
}

/** STS ignores a transitive key without a tag; here it is an error, since it was probably mistyped. */
export function keysAmong(
  tags: Readonly<Record<string, string>> | undefined,
  raw: string,
): readonly string[] {
  return listOf(raw, "keys of tags", (key) => {
    if (tags === undefined || !Object.hasOwn(tags, key)) {
      throw new Error(
        `names ${JSON.stringify(key.slice(0, 60))}, which is not a key in ${ANNOTATION.sessionTags}`,
      );
    }
    return key;
  });
}

export function policyArnsOf(raw: string): readonly PolicyArn[] {
  const arns = listOf(raw, "policy ARNs", (text) => {
    const arn = parsePolicyArn(text);
    if (arn === undefined) {
      throw new Error(`has ${JSON.stringify(text.slice(0, 60))}, which is not the ARN of a managed policy`);
    }
    return arn;
  });
  if (arns.length > POLICY_ARNS_MAX) throw new Error(`may have at most ${POLICY_ARNS_MAX} policy ARNs`);
  return arns;
}

function listOf<T>(raw: string, what: string, parse: (text: string) => T): readonly T[] {
  const parsed = parseJson(raw);
  if (!Array.isArray(parsed) || parsed.length === 0) throw new Error(`must be a JSON array of ${what}`);
  const values = parsed.map((one: unknown) => {
    if (typeof one !== "string") throw new Error(`must be a JSON array of ${what}`);
    return parse(one);
  });
  if (new Set(values).size < values.length) throw new Error("has an entry twice");
  return values;
}

/** STS: at most 2048 characters; white space is taken out first, since it counts. */
export function policyOf(raw: string): string {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error("must be a JSON policy document");
  const minified = JSON.stringify(parsed);
  if (minified.length > 2048) throw new Error(`has ${minified.length} characters, and STS accepts 2048`);
  return minified;
}
