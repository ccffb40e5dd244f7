import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { containerIdentity, POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { parseRoleArn, type RoleArn } from "../model/arn.ts";
import { isRecord, own, type Fields } from "../model/read.ts";

/** What the webhook wrote down about a pod when it was created; afterwards nobody may change it. */
export interface PodStatus {
  readonly source: string;
  /** The role of each identity, by the identity's name. */
  readonly roles: ReadonlyMap<string, RoleArn>;
}

/** The annotation `podrole.dev/status`, or undefined where it is absent or is not one of the webhook's. */
export function podStatus(annotations: Readonly<Record<string, string>>): PodStatus | undefined {
  const written = recordIn(annotations[ANNOTATION.status]);
  const source = written && own(written, "source");
  if (written === undefined || typeof source !== "string") return undefined;
  const containers = own(written, "containers");
  const roles = [
    ...roleOf(POD_IDENTITY, written),
    ...Object.entries(isRecord(containers) ? containers : {}).flatMap(([name, one]) =>
      isRecord(one) ? roleOf(containerIdentity(name), one) : [],
    ),
  ];
  return { source, roles: new Map(roles) };
}

function roleOf(identity: string, of: Fields): readonly (readonly [string, RoleArn])[] {
  const raw = own(of, "role");
  const role = typeof raw === "string" ? parseRoleArn(raw) : undefined;
  return role === undefined ? [] : [[identity, role]];
}

function recordIn(text: string | undefined): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? "");
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
