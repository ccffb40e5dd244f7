import { messageOf } from "../../sidecar/kit/errors.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { type PolicyArn } from "../model/arn.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { finding, type Finding } from "../model/findings.ts";
import {
  asKiamCleans,
  durationOf,
  externalIdOf,
  keysAmong,
  policyArnsOf,
  policyOf,
  regionOf,
  sessionNameTemplate,
  tagsOf,
} from "../model/session-values.ts";
import { SHARED_SESSION_NAME, sharesSessions } from "./shared-sessions.ts";
import { annotation } from "../model/annotations.ts";

/** The session that the pod's annotations request, checked against STS's limits. */
export interface SessionRequest {
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

export interface SessionReading {
  readonly request: SessionRequest;
  /** The annotation that gave the session's name. */
  readonly nameKey: string | undefined;
  readonly findings: readonly Finding[];
}

/** Reads the session annotations; every bad one is a finding that denies. */
export function sessionRequest(
  annotations: Readonly<Record<string, string>>,
  config: Pick<
    InjectorConfig,
    "source" | "shareSessions" | "sessionName" | "sessionDuration" | "region" | "keys"
  >,
): SessionReading {
  const findings: Finding[] = [];
  // Templates of charts leave them empty. Not so what limits a session: an empty policy may be a lost one.
  const emptyIsAbsent = new Set([
    ANNOTATION.sessionName,
    config.keys.peerSessionName,
    config.keys.externalId,
  ]);
  const read = <T>(key: string, parse: (raw: string) => T): T | undefined => {
    const raw = annotation(annotations, key);
    if (raw === undefined || (raw === "" && emptyIsAbsent.has(key))) return undefined;
    try {
      return parse(raw);
    } catch (error) {
      const why = messageOf(error);
      findings.push(
        finding("ANNOTATION_INVALID", `The annotation ${key} ${why}.`, "Correct it or remove it."),
      );
      return undefined;
    }
  };
  const own = read(ANNOTATION.sessionName, sessionNameTemplate);
  const peer = read(config.keys.peerSessionName, (raw) => sessionNameTemplate(asKiamCleans(raw)));
  const externalId = read(config.keys.externalId, externalIdOf);
  const tags = read(ANNOTATION.sessionTags, tagsOf);
  const transitiveTagKeys = read(ANNOTATION.sessionTransitiveTags, (raw) => keysAmong(tags, raw));
  const policy = read(ANNOTATION.sessionPolicy, policyOf);
  const policyArns = read(ANNOTATION.sessionPolicyArns, policyArnsOf);
  const region = read(ANNOTATION.region, regionOf) ?? config.region;
  const request = {
    sessionName: own ?? peer ?? (sharesSessions(config) ? SHARED_SESSION_NAME : config.sessionName),
    durationSeconds: read(ANNOTATION.sessionDuration, durationOf) ?? config.sessionDuration,
    ...(externalId === undefined ? {} : { externalId }),
    ...(tags === undefined ? {} : { tags }),
    ...(transitiveTagKeys === undefined ? {} : { transitiveTagKeys }),
    ...(policy === undefined ? {} : { policy }),
    ...(policyArns === undefined ? {} : { policyArns }),
    ...(region === undefined ? {} : { region }),
  };
  const peerKey = peer === undefined ? undefined : config.keys.peerSessionName;
  return { request, nameKey: own === undefined ? peerKey : ANNOTATION.sessionName, findings };
}
