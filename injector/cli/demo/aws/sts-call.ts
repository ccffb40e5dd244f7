import type { IncomingMessage } from "node:http";

/** What a call asked for. It holds no secret, so it can be shown. */
export interface StsCall {
  readonly action: string;
  /** The ARN of the key's owner, the subject of the token, or undefined where neither is known here. */
  readonly caller: string | undefined;
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  readonly durationSeconds: number;
  readonly externalId: string | undefined;
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  readonly userAgent: string;
}

export async function parametersOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += String(piece);
  return new URLSearchParams(request.method === "POST" ? body : (request.url ?? "").split("?")[1]);
}

export function callOf(form: URLSearchParams, request: IncomingMessage, caller: string | undefined): StsCall {
  const text = (name: string): string | undefined => form.get(name) ?? undefined;
  const tags: Record<string, string> = {};
  for (let n = 1; form.has(`Tags.member.${n}.Key`); n += 1) {
    tags[form.get(`Tags.member.${n}.Key`) ?? ""] = form.get(`Tags.member.${n}.Value`) ?? "";
  }
  return {
    action: text("Action") ?? "",
    caller,
    roleArn: text("RoleArn"),
    sessionName: text("RoleSessionName"),
    durationSeconds: Number(text("DurationSeconds") ?? 3600),
    externalId: text("ExternalId"),
    policy: text("Policy"),
    policyArns: members(form, (n) => `PolicyArns.member.${n}.arn`),
    tags,
    transitiveTagKeys: members(form, (n) => `TransitiveTagKeys.member.${n}`),
    sourceIdentity: text("SourceIdentity"),
    userAgent: request.headers["user-agent"] ?? "",
  };
}

/** A list in the query protocol: numbered from 1. */
function members(form: URLSearchParams, name: (n: number) => string): readonly string[] {
  const found: string[] = [];
  for (let n = 1; form.has(name(n)); n += 1) found.push(form.get(name(n)) ?? "");
  return found;
}
