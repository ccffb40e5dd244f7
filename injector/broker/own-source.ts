import { optional, parseEnv, text, type Env } from "../../sidecar/kit/env.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { ambient } from "../../sidecar/sources/ambient.ts";
import { askAt, instanceRole, node } from "../../sidecar/sources/node.ts";
import { tokenIn } from "../../sidecar/sources/web-identity.ts";
import { issuerOf } from "../../sidecar/sts/chain.ts";
import type { AssumeRole } from "../../sidecar/sts/role-request.ts";
import { SESSION_SECONDS } from "../../sidecar/contract/session.ts";
import type { BrokerIdentityType } from "../model/broker-identity.ts";
import type { OwnSource } from "./own-identity.ts";

/** AWS's own names, as EKS's webhook, podrole's chart and every SDK know them. */
const VARIABLES = {
  roleArn: optional("AWS_ROLE_ARN", text, ""),
  tokenFile: optional("AWS_WEB_IDENTITY_TOKEN_FILE", text, ""),
  sessionName: optional("AWS_ROLE_SESSION_NAME", text, "podrole-broker"),
};

/**
 * Nothing is tried that was not asked for: with the node's role in place of its own, a broker would be refused by every role, or worse,
 * by none.
 * @param assumeRole with the settings of the moment
 * @throws CodedError `CONFIG_INVALID`
 */
export function ownSource(
  kind: BrokerIdentityType,
  env: Env,
  { assumeRole, now }: { readonly assumeRole: AssumeRole; readonly now: () => number },
): OwnSource {
  switch (kind) {
    case "web-identity":
      return byToken(env, assumeRole);
    case "node":
      return byNode(env, now);
    case "secret":
      return byKeys(env);
  }
}

function byToken(env: Env, assumeRole: AssumeRole): OwnSource {
  const { roleArn, tokenFile, sessionName } = parseEnv(env, VARIABLES);
  for (const [name, value] of [
    ["AWS_ROLE_ARN", roleArn],
    ["AWS_WEB_IDENTITY_TOKEN_FILE", tokenFile],
  ])
    if (value === "") throw missing("web-identity", name);
  const steps = [{ roleArn, durationSeconds: SESSION_SECONDS }];
  const chain = { identity: "broker", steps, sessionName, assumeRole };
  return {
    kind: "renewed",
    issue: issuerOf(async () => ({ kind: "token", token: await tokenIn(tokenFile) }), chain),
  };
}

function byNode(env: Env, now: () => number): OwnSource {
  const { service } = parseEnv(env, node.settings);
  return {
    kind: "renewed",
    issue: async () => {
      const keys = await instanceRole(askAt(service));
      // Only STS knows of which role they are.
      return { ...keys, issuedAt: now(), roleArn: "", accountId: "" };
    },
  };
}

function byKeys(env: Env): OwnSource {
  const { accessKeyId, secretAccessKey, sessionToken } = parseEnv(env, ambient.settings);
  if (accessKeyId === undefined) throw missing("secret", "AWS_ACCESS_KEY_ID");
  if (secretAccessKey === undefined) throw missing("secret", "AWS_SECRET_ACCESS_KEY");
  const keys = { accessKeyId: accessKeyId.reveal(), secretAccessKey };
  return { kind: "given", keys: sessionToken === undefined ? keys : { ...keys, sessionToken } };
}

const missing = (kind: BrokerIdentityType, name: string | undefined): CodedError =>
  new CodedError("CONFIG_INVALID", `${name} is not set, which identity ${kind} needs.`, {
    remedy: "Give the broker its identity: broker.identity in the chart's values.",
  });
