import type { PlainAnswer } from "./plain-request.ts";

/** Asks the node's own metadata service. Rejects with any Error when there is no answer. */
export type AskNode = (question: {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}) => Promise<PlainAnswer>;

/** An answer of IMDSv2. A token that is refused has the status 401. */
export const getWithToken = (ask: AskNode, path: string, token: string): Promise<PlainAnswer> =>
  ask({ method: "GET", path: `/latest/${path}`, headers: { "X-aws-ec2-metadata-token": token } });

const TOKEN_TTL_SECONDS = 300;

/** A new session token, or the status that came in its place. @throws whatever `ask` does */
export async function newToken(ask: AskNode): Promise<string | { readonly status: number }> {
  const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_TTL_SECONDS) };
  const { status, body } = await ask({ method: "PUT", path: "/latest/api/token", headers });
  return status === 200 && /^[\x21-\x7E]{1,1024}$/.test(body) ? body : { status };
}
