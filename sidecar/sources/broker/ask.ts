import { BROKER, type SessionAsked } from "../../contract/broker.ts";
import type { Secret } from "../../kit/secret.ts";
import { tlsPost } from "../../kit/tls-post.ts";
import { accountId } from "../../sts/arn.ts";
import type { Issue } from "../../sts/chain.ts";
import { endByOwnClock } from "../../sts/credentials.ts";
import { IssueError } from "../../sts/issue-error.ts";
import type { AskedOfBroker } from "../source.ts";
import { tokenIn } from "../web-identity.ts";
import { brokerAnswer, type Granted } from "./answer.ts";
import { brokerFailure, invalidAnswer, refusalOf, wrongRole } from "./failures.ts";

/** The source's settings. */
export interface Broker {
  /** An https origin. */
  readonly url: string;
  /** PEM certificates, trusted in place of Node's roots: nobody else is to be taken for the broker. */
  readonly ca: string;
  /** Where the kubelet keeps the pod's token. */
  readonly tokenFile: string;
}

/** The broker waits for STS for about eight seconds, and the engine ends an attempt after 25. */
const CALL_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Asks the broker for the session of one identity, each time with the pod's token as it is then.
 * @param timeoutMs for the whole call, including DNS
 */
export function askBroker(
  broker: Broker,
  { identity, roleArn, now, onCall }: AskedOfBroker,
  timeoutMs = CALL_TIMEOUT_MS,
): Issue {
  let aheadMs = 0;
  return async () => {
    const token = await tokenIn(broker.tokenFile);
    const call = { ...broker, identity, roleArn, token, timeoutMs };
    const granted = await callBroker(call, (date) => {
      aheadMs = date - now();
    }).catch((error: unknown) => {
      onCall?.(error instanceof IssueError ? error.code : "INTERNAL");
      throw error;
    });
    onCall?.("Success");
    const { accessKeyId, secretAccessKey, sessionToken } = granted;
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiresAt: endByOwnClock(granted.expiresAt, aheadMs),
      issuedAt: now(),
      roleArn,
      accountId: accountId(roleArn),
    };
  };
}

interface BrokerCall extends Omit<Broker, "tokenFile">, SessionAsked {
  readonly token: Secret;
  readonly timeoutMs: number;
}

/** @throws IssueError of everything but a session of the role that was asked for */
async function callBroker(call: BrokerCall, onDate: (epochMs: number) => void): Promise<Granted> {
  const { url, ca, identity, roleArn, token, timeoutMs } = call;
  const answer = await tlsPost(
    {
      url: `${url}${BROKER.path}`,
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        "content-type": "application/json",
        "user-agent": "podrole-sidecar",
      },
      body: JSON.stringify({ identity, roleArn } satisfies SessionAsked),
      ca,
      timeoutMs,
      connectMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
    },
    onDate,
  ).catch((error: unknown) => {
    throw brokerFailure(error, call);
  });
  const said = brokerAnswer(answer);
  if (said === undefined) throw invalidAnswer(answer.status, call);
  if (said.kind === "refused") throw refusalOf(said.refusal, call);
  if (said.roleArn !== roleArn) throw wrongRole(said.roleArn, call);
  return said;
}
