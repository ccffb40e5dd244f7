import { createHash } from "node:crypto";
import { BROKER } from "../../sidecar/contract/broker.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { PodIdentity } from "../../sidecar/kit/session-name.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { allowances, type Rate } from "../model/allowance.ts";
import type { ApiServer } from "../cluster/api-server.ts";
import { isObjectName } from "../model/object-name.ts";
import { fieldsIn, isRecord, own, strings, type Fields } from "../model/read.ts";
import type { ApiTurns } from "./api-turns.ts";
import { BusyError } from "./busy.ts";
import { expiring } from "./expiring.ts";
import { notAccepted, notBound, tokenClaims, type TokenClaims } from "./token-claims.ts";
import { API_MS, factsUnavailable } from "./unavailable.ts";

/** The pod whose token it is, as the API server says. Its names can be put into paths. */
export interface PodCaller extends PodIdentity {
  /** When the token expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Whose token this is.
 * @param address of the client
 * @throws IssueError `TOKEN_MISSING`, `TOKEN_NOT_ACCEPTED`, `TOKEN_NOT_BOUND`, `FACTS_UNAVAILABLE`, `BROKER_BUSY`
 */
export type ReviewToken = (token: string | undefined, address: string) => Promise<PodCaller>;

export interface TokenReviewDeps {
  readonly api: Pick<ApiServer, "create">;
  readonly turns: ApiTurns;
  readonly clock: Pick<Clock, "now" | "elapsed">;
  /** Ends the requests to the API server. */
  readonly signal: AbortSignal;
  /** Called once for each request to the API server. */
  readonly onReview?: (outcome: ReviewOutcome) => void;
}

export type ReviewOutcome = "accepted" | "refused" | "failed";

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";

/** A pod that is gone is found out by reading the pod, each time. */
const ACCEPTED_MS = 60_000;
/** A pod that has just been made may be unknown to an API server for a moment, and its sidecar soon asks again. */
const REFUSED_MS = 2000;
/** Twice the pods that one broker is made for. An entry takes about 500 bytes. */
const ACCEPTED_MAX = 20_000;
/** Apart from those that are accepted, so that forged tokens do not push these out. */
const REFUSED_MAX = 2000;
/** A node's pods at once, should they all come from its address. */
const OF_ADDRESS: Rate = { burst: 250, perSecond: 20 };
const ADDRESSES_MAX = 20_000;

/** Asks the API server by TokenReview, once for all requests with the same token, and remembers the answer for a while. */
export function tokenReviewer({ api, turns, clock, signal, onReview }: TokenReviewDeps): ReviewToken {
  const accepted = expiring<PodCaller>(clock, ACCEPTED_MAX);
  const refused = expiring<IssueError>(clock, REFUSED_MAX);
  const underWay = new Map<string, Promise<PodCaller>>();
  const mayAsk = allowances(clock, OF_ADDRESS, ADDRESSES_MAX);

  const review = async (token: string, claims: TokenClaims, address: string): Promise<PodCaller> => {
    const spec = { token, audiences: [BROKER.audience] };
    const object = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec };
    let answer: unknown;
    try {
      answer = await turns.run(address, () => api.create(PATH, object, API_MS, signal));
    } catch (error) {
      if (error instanceof BusyError) throw error;
      onReview?.("failed");
      throw factsUnavailable("The API server could not be asked whose token this is", error);
    }
    try {
      const caller = callerIn(answer, claims);
      onReview?.("accepted");
      return caller;
    } catch (error) {
      onReview?.("refused");
      throw error;
    }
  };

  const remembered = async (key: string, asked: Promise<PodCaller>): Promise<PodCaller> => {
    try {
      const caller = await asked;
      accepted.put(key, caller, Math.min(ACCEPTED_MS, caller.expiresAt - clock.now()));
      return caller;
    } catch (error) {
      if (error instanceof IssueError && error.kind === "definite") refused.put(key, error, REFUSED_MS);
      throw error;
    } finally {
      underWay.delete(key);
    }
  };

  return async (token, address) => {
    const claims = tokenClaims(token, clock.now());
    const key = createHash("sha256").update(String(token)).digest("base64");
    const caller = accepted.get(key);
    if (caller !== undefined) return caller;
    const refusal = refused.get(key);
    if (refusal !== undefined) throw refusal;
    const already = underWay.get(key);
    if (already !== undefined) return already;
    if (!mayAsk(address)) throw tooMany();
    const asked = remembered(key, review(String(token), claims, address));
    underWay.set(key, asked);
    return asked;
  };
}

const USERNAME = /^system:serviceaccount:([^:]+):([^:]+)$/;
const UID = /^[\w-]{1,64}$/;
const POD_NAME = "authentication.kubernetes.io/pod-name";
const POD_UID = "authentication.kubernetes.io/pod-uid";

/** @throws IssueError where the answer does not say that this is a pod's token for the broker, or is about another than the claims */
function callerIn(answer: unknown, claims: TokenClaims): PodCaller {
  const status = isRecord(answer) ? fieldsIn(answer, "status") : {};
  if (own(status, "authenticated") !== true) throw notAccepted("the API server does not accept it");
  // An API server that does not know audiences names none. It has then checked the token for another audience.
  if (!strings(own(status, "audiences")).includes(BROKER.audience))
    throw notAccepted(`the API server does not accept it for the audience ${BROKER.audience}`);
  const user = fieldsIn(status, "user");
  const [, namespace = "", serviceAccount = ""] = USERNAME.exec(String(own(user, "username"))) ?? [];
  const extra = fieldsIn(user, "extra");
  const [pod, podUid] = [only(extra, POD_NAME), only(extra, POD_UID)];
  if (pod === undefined || podUid === undefined) throw notBound();
  const found = { namespace, serviceAccount, pod, podUid, expiresAt: claims.expiresAt };
  const isSafe = [namespace, serviceAccount, pod].every(isObjectName) && UID.test(podUid);
  const agrees = (Object.keys(found) as (keyof PodCaller)[]).every((key) => found[key] === claims[key]);
  if (!isSafe || !agrees) throw notAccepted("the API server names another pod than the token itself");
  return found;
}

/** The value of a key that has exactly one. */
function only(extra: Fields, key: string): string | undefined {
  const [value, ...more] = strings(own(extra, key));
  return more.length === 0 ? value : undefined;
}

const tooMany = (): BusyError =>
  new BusyError(
    "Too many new tokens come from this address.",
    "Nothing to do: the sidecar tries again. If it goes on, see which pod at this address asks the broker so often.",
    1000 / OF_ADDRESS.perSecond,
  );
