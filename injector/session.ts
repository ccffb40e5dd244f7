import { ANNOTATION, PLACEHOLDERS, POLICY_ARNS_MAX, type Step } from "../sidecar/contract.ts";
import { parseJson } from "../sidecar/kit/json.ts";
import { parsePolicyArn, policyServes, type PolicyArn, type RoleArn } from "./arn.ts";
import type { InjectorConfig } from "./config.ts";
import { finding, type Finding } from "./findings.ts";
import { isRecord } from "./read.ts";

/** What the pod's annotations ask of its session, checked against STS's limits. */
export interface SessionWishes {
  readonly sessionName: string;
  readonly durationSeconds: number;
  readonly externalId?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Keys of `tags`. */
  readonly transitiveTagKeys?: readonly string[];
  readonly policy?: string;
  readonly policyArns?: readonly PolicyArn[];
  readonly region?: string;
}

/** STS: a session obtained with another role's session lasts at most this long. */
const CHAINED_MAX_SECONDS = 3600;
/** SDKs refresh up to 15 minutes before the end: a shorter session makes some of them fetch before every call. */
const COMFORTABLE_SECONDS = 1800;
/** Keys that say which pod a session belongs to: not for the pod's author to claim. */
const RESERVED_TAGS = /^(?:aws:|kubernetes-|eks-|podrole)/i;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const REGION = /^[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/;

/** Reads the session annotations; every bad one is a finding that denies. */
export function sessionWishes(
  annotations: Readonly<Record<string, string>>,
  config: Pick<InjectorConfig, "sessionName" | "sessionDurationSeconds" | "region">,
): { readonly wishes: SessionWishes; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const read = <T>(key: string, parse: (raw: string) => T): T | undefined => {
    const raw = annotations[key];
    if (raw == null) return undefined;
    try {
      return parse(raw);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      findings.push(
        finding("ANNOTATION_INVALID", `The annotation ${key} ${why}.`, "Correct it or take it off."),
      );
      return undefined;
    }
  };
  const own = read(ANNOTATION.sessionName, sessionNameTemplate);
  const peer = read(ANNOTATION.peerSessionName, (raw) => sessionNameTemplate(asKiamCleans(raw)));
  const externalId = read(ANNOTATION.externalId, externalIdOf);
  const tags = read(ANNOTATION.sessionTags, tagsOf);
  const transitiveTagKeys = read(ANNOTATION.sessionTransitiveTags, (raw) => keysAmong(tags, raw));
  const policy = read(ANNOTATION.sessionPolicy, policyOf);
  const policyArns = read(ANNOTATION.sessionPolicyArns, policyArnsOf);
  const region = read(ANNOTATION.region, regionOf) ?? config.region;
  const wishes = {
    sessionName: own ?? peer ?? config.sessionName,
    durationSeconds: read(ANNOTATION.sessionDuration, durationOf) ?? config.sessionDurationSeconds,
    ...(externalId === undefined ? {} : { externalId }),
    ...(tags === undefined ? {} : { tags }),
    ...(transitiveTagKeys === undefined ? {} : { transitiveTagKeys }),
    ...(policy === undefined ? {} : { policy }),
    ...(policyArns === undefined ? {} : { policyArns }),
    ...(region === undefined ? {} : { region }),
  };
  return { wishes, findings };
}

/** A session name with placeholders. What they are filled with is cleaned by the sidecar, which knows the pod's name. */
export function sessionNameTemplate(raw: string): string {
  const literal = PLACEHOLDERS.reduce((rest, placeholder) => rest.replaceAll(placeholder, ""), raw);
  if (raw === "" || raw.length > 256) throw new Error("must have 1 to 256 characters");
  if (!/^[\w+=,.@-]*$/.test(literal)) {
    throw new Error(
      `may hold letters, digits, any of _+=,.@- and the placeholders ${PLACEHOLDERS.join(", ")}`,
    );
  }
  return raw;
}

/** kiam takes any text and makes a dash of what STS does not take. */
const asKiamCleans = (raw: string): string =>
  raw.replaceAll(
    /(\{(?:namespace|serviceAccount|pod|podUid)\})|[^\w+=,.@-]/g,
    (_, known?: string) => known ?? "-",
  );

function externalIdOf(raw: string): string {
  if (!/^[\w+=,.@:/-]{2,1224}$/.test(raw))
    throw new Error("must be 2 to 1224 letters, digits or any of _+=,.@:/-");
  return raw;
}

export function regionOf(raw: string): string {
  if (!REGION.test(raw)) throw new Error("is no AWS region, such as eu-west-1");
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
function tagsOf(raw: string): Readonly<Record<string, string>> {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error('must be a JSON object such as {"team":"billing"}');
  const entries = Object.entries(parsed).map(([key, value]): [string, string] => {
    if (typeof value !== "string")
      throw new Error(`must give each tag a string, and ${JSON.stringify(key)} is not`);
    if (
      !/^.{1,128}$/u.test(key) ||
      value.length > 256 ||
      !TAG_TEXT.test(key) ||
      !TAG_TEXT.test(value.replaceAll(/[{}]/g, ""))
    ) {
      throw new Error(`holds a tag that STS does not take: ${JSON.stringify(key.slice(0, 60))}`);
    }
    if (RESERVED_TAGS.test(key)) throw new Error(`may not set the tag ${key}: it says which pod this is`);
    return [key, value];
  });
  // 7 of STS's 50 are ours.
  if (entries.length > 43) throw new Error("may hold at most 43 tags");
  if (new Set(entries.map(([key]) => key.toLowerCase())).size < entries.length) {
    throw new Error("holds a key twice, upper and lower case being the same to STS");
  }
  return Object.fromEntries(entries);
}

/** STS ignores a transitive key that is no tag's; here that is a slip of the pen. */
function keysAmong(tags: Readonly<Record<string, string>> | undefined, raw: string): readonly string[] {
  return listOf(raw, "keys of tags", (key) => {
    if (tags === undefined || !Object.hasOwn(tags, key)) {
      throw new Error(
        `names ${JSON.stringify(key.slice(0, 60))}, which is no key in ${ANNOTATION.sessionTags}`,
      );
    }
    return key;
  });
}

function policyArnsOf(raw: string): readonly PolicyArn[] {
  const arns = listOf(raw, "policy ARNs", (text) => {
    const arn = parsePolicyArn(text);
    if (arn === undefined) {
      throw new Error(`holds ${JSON.stringify(text.slice(0, 60))}, which is no ARN of a managed policy`);
    }
    return arn;
  });
  if (arns.length > POLICY_ARNS_MAX) throw new Error(`may hold at most ${POLICY_ARNS_MAX} policy ARNs`);
  return arns;
}

function listOf<T>(raw: string, what: string, parse: (text: string) => T): readonly T[] {
  const parsed = parseJson(raw);
  if (!Array.isArray(parsed) || parsed.length === 0) throw new Error(`must be a JSON array of ${what}`);
  const values = parsed.map((one: unknown) => {
    if (typeof one !== "string") throw new Error(`must be a JSON array of ${what}`);
    return parse(one);
  });
  if (new Set(values).size < values.length) throw new Error("holds an entry twice");
  return values;
}

/** STS: at most 2048 characters; white space is taken out first, since it counts. */
function policyOf(raw: string): string {
  const parsed = parseJson(raw);
  if (!isRecord(parsed)) throw new Error("must be a JSON policy document");
  const minified = JSON.stringify(parsed);
  if (minified.length > 2048) throw new Error(`has ${minified.length} characters and STS takes 2048`);
  return minified;
}

/** The calls that lead from the source's identity to the role, or why there is no way. */
export function stepsTo(
  role: RoleArn,
  wishes: SessionWishes,
  config: Pick<
    InjectorConfig,
    "source" | "hubRole" | "sessionTags" | "transitiveSessionTags" | "clusterName"
  >,
): { readonly steps: readonly Step[]; readonly findings: readonly Finding[] } {
  const needsAssumeRole = wishes.externalId !== undefined || wishes.tags !== undefined;
  const viaHub = config.hubRole !== undefined && (config.source !== "web-identity" || needsAssumeRole);
  if (config.source === "web-identity" && needsAssumeRole && !viaHub) {
    const what = wishes.externalId === undefined ? ANNOTATION.sessionTags : ANNOTATION.externalId;
    const message = `The annotation ${what} needs AssumeRole, and source web-identity has no hub role to call it from.`;
    const remedy = "Take the annotation off, or have a cluster admin set the injector's --hub-role.";
    return { steps: [], findings: [finding("HUB_ROLE_MISSING", message, remedy)] };
  }

  const chained = viaHub || config.source === "node";
  const shortened = chained && wishes.durationSeconds > CHAINED_MAX_SECONDS;
  const durationSeconds = shortened ? CHAINED_MAX_SECONDS : wishes.durationSeconds;
  const findings: Finding[] = [];
  const strange = (wishes.policyArns ?? []).filter((arn) => !policyServes(arn, role));
  if (strange.length > 0) {
    const message = `The annotation ${ANNOTATION.sessionPolicyArns} names ${strange.join(", ")}, which is not of the account of ${role}.`;
    const remedy =
      "Name policies of the role's own account, or AWS's own in its partition: STS takes no others.";
    findings.push(finding("ANNOTATION_INVALID", message, remedy));
  }
  if (shortened) {
    const message = `The session lasts 3600 seconds instead of ${wishes.durationSeconds}: it is chained, and STS allows no more.`;
    findings.push(finding("SESSION_SHORTENED", message, `Set ${ANNOTATION.sessionDuration} to 1h.`));
  }
  if (durationSeconds < COMFORTABLE_SECONDS) {
    const message = `Sessions of ${durationSeconds} seconds make some SDKs fetch credentials before every call.`;
    findings.push(finding("SESSION_SHORT", message, `Set ${ANNOTATION.sessionDuration} to 1h.`));
  }

  const byAssumeRole = viaHub || config.source !== "web-identity";
  const ours = byAssumeRole && config.sessionTags ? podTags(config.clusterName) : {};
  const tags = { ...ours, ...wishes.tags };
  // Tags go on the last step alone: had the hub's session handed them down, STS would refuse the call that sets them.
  const transitiveTagKeys = [
    ...(config.transitiveSessionTags ? Object.keys(ours) : []),
    ...(wishes.transitiveTagKeys ?? []),
  ];
  const last: Step = {
    roleArn: role,
    durationSeconds,
    ...(wishes.externalId === undefined ? {} : { externalId: wishes.externalId }),
    ...(wishes.policy === undefined ? {} : { policy: wishes.policy }),
    ...(wishes.policyArns === undefined ? {} : { policyArns: wishes.policyArns }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    ...(transitiveTagKeys.length === 0 ? {} : { transitiveTagKeys }),
  };
  const hub = viaHub && config.hubRole !== undefined ? [{ roleArn: config.hubRole }] : [];
  return { steps: [...hub, last], findings };
}

/**
 * Which pod a session belongs to, in the spelling that EKS Pod Identity made known. Handed down, as EKS does it: an app
 * whose role may tag sessions could otherwise assume the next role under another pod's name.
 */
const podTags = (clusterName: string | undefined): Readonly<Record<string, string>> => ({
  ...(clusterName === undefined ? {} : { "kubernetes-cluster-name": clusterName }),
  "kubernetes-namespace": "{namespace}",
  "kubernetes-service-account": "{serviceAccount}",
  "kubernetes-pod-name": "{pod}",
  "kubernetes-pod-uid": "{podUid}",
});
