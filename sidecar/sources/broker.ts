import { BROKER, REFUSAL_KINDS, type SessionAsked, type SessionRefused } from "../contract/broker.ts";
import { ENV } from "../contract/env.ts";
import { defaulted } from "../kit/defaults.ts";
import { httpOrigin, required, text } from "../kit/env.ts";
import { isRecord, parseJson } from "../kit/json.ts";
import { Secret } from "../kit/secret.ts";
import { accountId } from "../sts/arn.ts";
import { PostError } from "../kit/post-error.ts";
import type { Issue } from "../sts/chain.ts";
import type { Credentials } from "../sts/credentials.ts";
import { IssueError } from "../sts/issue-error.ts";
import { post, type Answer } from "../kit/post.ts";
import { defineSource } from "./source.ts";
import { tokenIn } from "./web-identity.ts";

const CALL_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 2000;

/** The broker, which alone has an AWS identity, and decides each time whether the pod may use the role. */
export const broker = defineSource({
  settings: {
    url: required(ENV.brokerUrl, httpOrigin),
    ca: required(ENV.brokerCa, text),
    tokenFile: defaulted(ENV.webIdentityTokenFile, text),
  },
  callsSts: false,
  firstAction: "AssumeRole",
  reachesMetadata: false,
  issuer: ({ url, ca, tokenFile }, { identity, steps }): Issue => {
    const roleArn = steps.at(-1)?.roleArn ?? "";
    return async () => {
      const body = JSON.stringify({ identity, roleArn } satisfies SessionAsked);
      const token = await tokenIn(tokenFile);
      const answer = await asked({ url, ca, token, body });
      return credentialsIn(answer, roleArn);
    };
  },
});

async function asked({
  url,
  ca,
  token,
  body,
}: {
  readonly url: string;
  readonly ca: string;
  readonly token: Secret;
  readonly body: string;
}): Promise<Answer> {
  try {
    return await post(
      {
        url: url + BROKER.path,
        headers: {
          host: new URL(url).host,
          authorization: `Bearer ${token.reveal()}`,
          "content-type": "application/json",
          "user-agent": "podrole-sidecar",
        },
        body,
        ca: [ca],
        timeoutMs: CALL_TIMEOUT_MS,
        connectMs: CONNECT_TIMEOUT_MS,
      },
      () => undefined,
    );
  } catch (error) {
    const why = error instanceof PostError && error.failure.kind === "unreachable" ? error.failure.why : "";
    throw new IssueError("BROKER_UNREACHABLE", `The broker at ${url} cannot be reached (${why}).`, {
      kind: "passing",
      remedy: "See whether the broker runs, and whether a NetworkPolicy keeps the pod from it.",
    });
  }
}

function credentialsIn({ status, body }: Answer, roleArn: string): Credentials {
  const read = recordIn(body.toString("utf8"));
  const field = (name: string): string => {
    const value = read[name];
    return typeof value === "string" ? value : "";
  };
  if (status !== 200) {
    const kind: SessionRefused["kind"] = REFUSAL_KINDS.find((one) => one === read["kind"]) ?? "passing";
    throw new IssueError(
      field("code") || "BROKER_ANSWER_INVALID",
      field("message") || `The broker answered with HTTP ${status}.`,
      { kind, ...(field("remedy") === "" ? {} : { remedy: field("remedy") }) },
    );
  }
  if (field("RoleArn") !== roleArn)
    throw new IssueError("BROKER_ANSWER_WRONG_ROLE", "The broker answered for another role.", {
      kind: "passing",
    });
  return {
    accessKeyId: field("AccessKeyId"),
    secretAccessKey: new Secret(field("SecretAccessKey")),
    sessionToken: new Secret(field("Token")),
    expiresAt: Date.parse(field("Expiration")),
    issuedAt: Date.now(),
    roleArn,
    accountId: accountId(roleArn),
  };
}

function recordIn(body: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(body);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}
