import type { SessionAsked } from "../../sidecar/contract/broker.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { CodedError, errorName } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { allowances, type Rate } from "../model/allowance.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { podSession, type SessionPlan } from "../decide/pod-session.ts";
import { namespaceExcluded } from "../model/excluded-namespaces.ts";
import type { Cluster } from "../model/facts.ts";
import { framesOf } from "../model/log.ts";
import { BusyError } from "./busy.ts";
import { requireOwnAddress } from "./client-address.ts";
import type { MadeSession } from "./held-sessions.ts";
import type { IssueSession } from "./issue-session.ts";
import type { ReadPod } from "./pod-record.ts";
import { sessionAsked } from "./session-asked.ts";
import type { PodCaller, ReviewToken } from "./token-review.ts";

export interface SessionRequest {
  /** What the client shows as the pod's token. */
  readonly token: string | undefined;
  readonly body: string;
  /** Of the client. */
  readonly address: string;
}

/**
 * What happens to sessions: STS makes one, one is given to a pod, a request for one is refused. What is not known of a refused request
 * is absent.
 */
export type SessionEvent =
  | { readonly kind: "made" | "given"; readonly plan: SessionPlan; readonly session: MadeSession }
  | {
      readonly kind: "refused";
      readonly error: IssueError;
      readonly address: string;
      readonly caller?: PodCaller;
      readonly asked?: SessionAsked;
    };

export interface BrokerDeps {
  readonly reviewToken: ReviewToken;
  readonly readPod: ReadPod;
  readonly cluster: Cluster;
  /** Namespaces in which podrole does nothing. Their pods pass no webhook, so their annotations are only their authors' word. */
  readonly excluded: ReadonlySet<string>;
  /** Whether the facts are those of this moment. By others nobody's session is ended: a rule may have come that is not known here. */
  readonly isFollowing: () => boolean;
  /** The settings in force. @throws CodedError where there are none */
  readonly config: () => InjectorConfig;
  readonly issueSession: IssueSession;
  /** Why no pod can get a session, whichever it is. In an outage of STS the API server is then spared. */
  readonly cannotIssue?: () => IssueError | undefined;
  readonly clock: Pick<Clock, "elapsed">;
  /** How many requests may be under way. Default {@link REQUESTS_AT_ONCE}. */
  readonly atOnce?: number;
  /** Called when a session is given or refused: once for each request. */
  readonly observe: (event: SessionEvent) => void;
  readonly log: Pick<Log, "error">;
}

/** @throws IssueError; anything else is a mistake of ours */
export type Broker = (request: SessionRequest) => Promise<Credentials>;

/** A pod has ten identities at most, and each asks about twice an hour. */
const OF_POD: Rate = { burst: 10, perSecond: 1 };
/** Twice the pods that one broker is made for. */
const PODS_MAX = 20_000;
/** Each has a connection of its own. */
export const REQUESTS_AT_ONCE = 1024;

/**
 * Answers one request for a session after the other steps: whose token it is, that pod as it is now, the rules of now, and only then a
 * session, be it a held one.
 */
export function broker(deps: BrokerDeps): Broker {
  const mayAsk = allowances(deps.clock, OF_POD, PODS_MAX);
  const half = halfForEach(deps.atOnce ?? REQUESTS_AT_ONCE);
  return async (request) => {
    const known: { caller?: PodCaller; asked?: SessionAsked } = {};
    try {
      const cannot = deps.cannotIssue?.();
      if (cannot !== undefined) throw cannot;
      known.caller = await deps.reviewToken(request.token, request.address);
      if (!mayAsk(known.caller.podUid)) throw tooMany(known.caller);
      const [caller, asked] = [known.caller, (known.asked = sessionAsked(request.body))];
      return await half(caller.namespace, async () => {
        const plan = await planOf(asked, caller, request.address, deps);
        const session = await deps.issueSession(plan);
        deps.observe({ kind: "given", plan, session });
        return session.credentials;
      });
    } catch (error) {
      const refusal = refusalOf(error, deps.log);
      deps.observe({ kind: "refused", error: refusal, address: request.address, ...known });
      throw refusal;
    }
  };
}

/** A request may wait for seconds, so one namespace takes half of the places at most, however many pods it has. */
function halfForEach(atOnce: number) {
  const underWay = new Map<string, number>();
  return async <T>(namespace: string, work: () => Promise<T>): Promise<T> => {
    const has = underWay.get(namespace) ?? 0;
    if (has >= atOnce / 2) throw tooManyOf(namespace);
    underWay.set(namespace, has + 1);
    try {
      return await work();
    } finally {
      const left = (underWay.get(namespace) ?? 0) - 1;
      if (left > 0) underWay.set(namespace, left);
      else underWay.delete(namespace);
    }
  };
}

async function planOf(
  asked: SessionAsked,
  caller: PodCaller,
  address: string,
  { readPod, cluster, excluded, isFollowing, config }: BrokerDeps,
): Promise<SessionPlan> {
  if (excluded.has(caller.namespace)) throw inExcluded(caller);
  const settings = config();
  const record = await readPod(caller, address);
  if (settings.brokerClients === "pod") requireOwnAddress(record, caller, address);
  const facts = await cluster.facts(caller.namespace, caller.serviceAccount);
  const { namespace, serviceAccount, pod, podUid } = caller;
  const decision = podSession({
    asked,
    pod: { namespace, serviceAccount, pod, podUid },
    annotations: record.annotations,
    facts,
    config: settings,
  });
  if (decision.kind === "plan") return decision.plan;
  const { code, message, remedy, byRule } = decision.refusal;
  throw new IssueError(code, message, { kind: "definite", remedy, endsSession: byRule && isFollowing() });
}

function inExcluded({ namespace }: PodCaller): IssueError {
  const { code, message, remedy } = namespaceExcluded(namespace);
  return new IssueError(code, message, { kind: "definite", remedy, endsSession: true });
}

/** Settings and facts that are missing come by themselves. */
function refusalOf(error: unknown, log: Pick<Log, "error">): IssueError {
  if (error instanceof IssueError) return error;
  if (error instanceof CodedError)
    return new IssueError("FACTS_UNAVAILABLE", error.message, {
      kind: "passing",
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    });
  // Without the error's message, which may quote anything.
  log.error({ error: errorName(error), at: framesOf(error) }, "decision failed");
  return new IssueError("INTERNAL", "The broker failed to decide about this request.", {
    kind: "passing",
    remedy: 'Ask a cluster admin to look for "decision failed" in the broker\'s log.',
  });
}

const tooMany = ({ namespace, pod }: PodCaller): BusyError =>
  new BusyError(
    `Pod ${namespace}/${pod} asks too often.`,
    "Nothing to do: the sidecar tries again. If it goes on, see what else in the pod uses its token.",
    1000 / OF_POD.perSecond,
  );

const tooManyOf = (namespace: string): BusyError =>
  new BusyError(
    `Too many pods of namespace ${namespace} wait for their sessions.`,
    "Nothing to do: the sidecar tries again. If this happens often, ask a cluster admin for more replicas of the broker, or for more calls to STS (--sts-calls-per-second).",
    5000,
  );
