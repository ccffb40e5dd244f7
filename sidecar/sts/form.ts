import { actionOf, type RoleRequest } from "./role-request.ts";

/** The version of STS's API, which has never had another. */
const API_VERSION = "2011-06-15";

/**
 * The body of a call, as the query protocol writes it (STS's API reference, "AssumeRole"): the parameters in a form, the items
 * of a list with numbers from 1. The AWS SDK writes the same bytes.
 */
export function formOf({ caller, step, sessionName, sourceIdentity }: RoleRequest): string {
  const action = actionOf(caller);
  const tags = action === "AssumeRole" ? Object.entries(step.tags ?? {}) : [];
  return encoded([
    ["Action", action],
    ["Version", API_VERSION],
    ["RoleArn", step.roleArn],
    ["RoleSessionName", sessionName],
    ["WebIdentityToken", caller.kind === "token" ? caller.token.reveal() : undefined],
    ...(step.policyArns ?? []).map((arn, index) => [`PolicyArns.member.${index + 1}.arn`, arn] as const),
    ["Policy", step.policy],
    ["DurationSeconds", String(step.durationSeconds)],
    ...tags.flatMap(([key, value], index) => [
      [`Tags.member.${index + 1}.Key`, key] as const,
      [`Tags.member.${index + 1}.Value`, value] as const,
    ]),
    ...(action === "AssumeRole" ? (step.transitiveTagKeys ?? []) : []).map(
      (key, index) => [`TransitiveTagKeys.member.${index + 1}`, key] as const,
    ),
    ["ExternalId", action === "AssumeRole" ? step.externalId : undefined],
    ["SourceIdentity", action === "AssumeRole" ? sourceIdentity : undefined],
  ]);
}

/** The body of a call that asks who the caller is. */
export const callerIdentityForm = (): string =>
  encoded([
    ["Action", "GetCallerIdentity"],
    ["Version", API_VERSION],
  ]);

const encoded = (parameters: readonly (readonly [name: string, value: string | undefined])[]): string =>
  parameters
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${percentEncoded(value)}`))
    .join("&");

/** RFC 3986: everything but letters, digits and `-._~`, so that no reader can take a `+` for a space. */
const percentEncoded = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
