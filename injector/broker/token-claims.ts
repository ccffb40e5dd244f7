import { BROKER } from "../../sidecar/contract/broker.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { fieldsIn, isRecord, own, type Fields } from "../model/read.ts";

/** What a token says of itself. Anybody can write such a token, so nothing may rest on it alone. */
export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A pod's token has some 1.2 kB. */
const LENGTH_MAX = 8 * 1024;
/** Three parts in base64url. */
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/**
 * Reads the claims of a token without looking at its signature. What could not be a pod's token for the broker is refused here, for
 * some microseconds, and the API server is not asked about it.
 * @param now in milliseconds since the epoch
 * @throws IssueError `TOKEN_MISSING`, `TOKEN_NOT_ACCEPTED` or `TOKEN_NOT_BOUND`, which repeats nothing of the token
 */
export function tokenClaims(token: string | undefined, now: number): TokenClaims {
  if (token === undefined || token === "") throw missing();
  const claims = token.length > LENGTH_MAX ? undefined : payloadOf(token);
  if (claims === undefined) throw notAccepted("it is no token of a service account");
  if (![own(claims, "aud")].flat().includes(BROKER.audience))
    throw notAccepted(`its audience is not ${BROKER.audience}`);
  const expiry = own(claims, "exp");
  if (typeof expiry !== "number") throw notAccepted("it does not say when it expires");
  if (!(expiry * 1000 > now)) throw expired();
  const of = fieldsIn(claims, "kubernetes.io");
  const pod = fieldsIn(of, "pod");
  const [namespace, serviceAccount, name, podUid] = [
    own(of, "namespace"),
    own(fieldsIn(of, "serviceaccount"), "name"),
    own(pod, "name"),
    own(pod, "uid"),
  ];
  if (typeof name !== "string" || typeof podUid !== "string") throw notBound();
  if (typeof namespace !== "string" || typeof serviceAccount !== "string")
    throw notAccepted("it names no service account");
  return { namespace, serviceAccount, pod: name, podUid, expiresAt: expiry * 1000 };
}

function payloadOf(token: string): Fields | undefined {
  const [, payload] = JWT.exec(token) ?? [];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

const missing = (): IssueError =>
  new IssueError(
    "TOKEN_MISSING",
    "The request has no token: Authorization must be Bearer and the pod's token.",
    {
      kind: "definite",
      remedy: "Leave it to podrole's sidecar to ask the broker: it has the pod's token.",
    },
  );

/** @param why a clause, which repeats nothing of the token */
export const notAccepted = (why: string): IssueError =>
  new IssueError("TOKEN_NOT_ACCEPTED", `The pod's token is not accepted: ${why}.`, {
    kind: "definite",
    remedy:
      "Recreate the pod. If the new one is refused too, ask a cluster admin to see whether its brokerUrl leads to the broker of the same cluster.",
  });

/** The kubelet renews the token in time, so the next one will be valid. */
const expired = (): IssueError =>
  new IssueError("TOKEN_NOT_ACCEPTED", "The pod's token has expired.", {
    kind: "passing",
    remedy:
      "Nothing to do: the sidecar tries again. If it goes on, ask a cluster admin to see whether the kubelet of the pod's node renews the token, and whether the nodes' clocks agree.",
  });

export const notBound = (): IssueError =>
  new IssueError("TOKEN_NOT_BOUND", "The token is not bound to a pod.", {
    kind: "definite",
    remedy: "Leave it to podrole's sidecar to ask the broker: its token is bound to the pod that has it.",
  });
