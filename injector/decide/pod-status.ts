import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { containerIdentity, POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { parseRoleArn, type RoleArn } from "../model/arn.ts";
import { fieldsIn, isRecord, own, type Fields } from "../model/read.ts";

/** What the webhook wrote down about a pod when it was created; afterwards nobody may change it. */
export interface PodStatus {
  readonly source: string;
  /** The role of each identity, by the identity's name. */
  readonly roles: ReadonlyMap<string, RoleArn>;
  /** The rule that allowed each role, by the identity's name; for people. */
  readonly rules: ReadonlyMap<string, string>;
}

/** The annotation `podrole.dev/status`, or undefined where it is absent or is not one of the webhook's. */
export function podStatus(annotations: Readonly<Record<string, string>>): PodStatus | undefined {
  const written = recordIn(annotations[ANNOTATION.status]);
  const source = written && own(written, "source");
  if (written === undefined || typeof source !== "string") return undefined;
  const identities: readonly (readonly [string, Fields])[] = [
    [POD_IDENTITY, written],
    ...Object.entries(fieldsIn(written, "containers")).flatMap(([name, one]): [string, Fields][] =>
      isRecord(one) ? [[containerIdentity(name), one]] : [],
    ),
  ];
  const texts = (key: string): [string, string][] =>
    identities.flatMap(([name, of]): [string, string][] => {
      const text = own(of, key);
      return typeof text === "string" ? [[name, text]] : [];
    });
  const roles = texts("role").flatMap(([name, raw]): [string, RoleArn][] => {
    const role = parseRoleArn(raw);
    return role === undefined ? [] : [[name, role]];
  });
  return { source, roles: new Map(roles), rules: new Map(texts("rule")) };
}

function recordIn(text: string | undefined): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? "");
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
