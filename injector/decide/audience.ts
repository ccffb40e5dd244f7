import { messageOf } from "../../sidecar/kit/errors.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { annotation } from "../model/annotations.ts";
import { audienceOf } from "../model/audience.ts";
import type { Facts } from "../model/facts.ts";
import { finding, type Finding } from "../model/findings.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

export interface AudienceDecision {
  /** Of the token that the sidecar calls STS with; other sources than web-identity do not use it. */
  readonly audience: string;
  readonly by: string;
  readonly findings: readonly Finding[];
}

/** The service account's annotation goes before the setting, as with EKS's own webhook. An empty one is as absent. */
export function decideAudience(
  { serviceAccount }: Pick<Facts, "serviceAccount">,
  { keys, source, tokenAudience }: Pick<InjectorConfig, "keys" | "source" | "tokenAudience">,
): AudienceDecision {
  const bySetting = { audience: tokenAudience, by: "the setting tokenAudience", findings: [] };
  const { volume, audience: fixed } = SOURCE_KINDS[source];
  if (fixed !== undefined) return { audience: fixed, by: `source ${source}`, findings: [] };
  const key = keys.serviceAccountAudience;
  const raw = annotation(serviceAccount?.annotations, key) ?? "";
  if (raw === "" || volume === undefined) return bySetting;
  const by = `annotation ${key} of service account ${serviceAccount?.name ?? ""}`;
  try {
    return { audience: audienceOf(raw), by, findings: [] };
  } catch (error) {
    const why = messageOf(error);
    return {
      ...bySetting,
      findings: [finding("ANNOTATION_INVALID", `The ${by} ${why}.`, "Correct it or remove it.")],
    };
  }
}
