import type { IncomingMessage, RequestListener } from "node:http";
import { expect } from "vitest";
import type { SessionAsked } from "../../sidecar/contract/broker.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { oneLine } from "../../sidecar/kit/errors.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { askBroker } from "../../sidecar/sources/broker/ask.ts";
import { toWire, type Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { credentials, ROLE } from "./credentials.ts";
import { thrown } from "./thrown.ts";
import { tempFile } from "./temp-files.ts";

/** The pod's token of the broker's audience. */
export const POD_TOKEN = "header-of-the-pod.payload-that-nobody-may-see.signature-of-the-pod";

/** The body of an answer with a session of ROLE for an hour from now on. */
export const grantedJson = (over: object = {}, now = Date.now()): string =>
  JSON.stringify({
    ...toWire(
      credentials({ issuedAt: now, expiresAt: now + 3_600_000, secretAccessKey: new Secret("s/ec+ret") }),
    ),
    ...over,
  });

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A listener that notes what it receives, and answers all alike. */
export function noting(
  received: Received[],
  answer: () => { status?: number; body: string },
): RequestListener {
  return (request, response) => {
    let body = "";
    request
      .setEncoding("utf8")
      .on("data", (piece: string) => (body += piece))
      .once("end", () => {
        const { method, url: path, headers } = request;
        received.push({ method, path, headers, body });
        const { status = 200, body: sent } = answer();
        response.statusCode = status;
        response.setHeader("Content-Type", "application/json").end(sent);
      });
  };
}

interface Wish {
  readonly url: string;
  readonly ca: string;
  readonly tokenFile?: string;
  readonly asked?: Partial<SessionAsked>;
  readonly now?: () => number;
  readonly onCall?: (code: string) => void;
  readonly timeoutMs?: number;
}

/** One question of the sidecar's to a broker. */
export const session = ({ url, ca, tokenFile, asked, timeoutMs, ...rest }: Wish): Promise<Credentials> =>
  askBroker(
    { url, ca, tokenFile: tokenFile ?? tempFile(POD_TOKEN) },
    { identity: POD_IDENTITY, roleArn: ROLE, now: Date.now, ...asked, ...rest },
    timeoutMs,
  )();

/** Why there is no session. No part of the token is in it. */
export async function noSession(wish: Wish): Promise<IssueError> {
  const error = await thrown(() => session(wish));
  if (!(error instanceof IssueError)) throw error;
  for (const part of POD_TOKEN.split(".")) expect(oneLine(error)).not.toContain(part);
  expect(error.cause).toBeUndefined();
  expect(error.remedy).toMatch(/[.!]$/);
  return error;
}
