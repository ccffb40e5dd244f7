import { apiTurns } from "../../injector/broker/api-turns.ts";
import { broker, type Broker, type SessionRequest } from "../../injector/broker/broker.ts";
import { podReader } from "../../injector/broker/pod-record.ts";
import { LIMITS } from "../../injector/broker/server.ts";
import { brokerSessions, type Sessions } from "../../injector/broker/sessions.ts";
import { tokenReviewer } from "../../injector/broker/token-review.ts";
import type { Random } from "../../sidecar/engine/schedule.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { silent } from "../support/log-lines.ts";
import { SETTINGS, type SimulatedCluster } from "./cluster.ts";
import type { SimulatedSts } from "./sts.ts";

interface Replica {
  readonly broker: Broker;
  readonly sessions: Sessions;
  /** Called when it is killed, each for a request that is under way. */
  readonly underWay: Set<() => void>;
  /** Ends it as `kill -9` does. */
  readonly kill: () => void;
  /** From STS. */
  isCutOff: boolean;
}

/** The broker's Service, with its replicas behind. */
export interface SimulatedBrokers {
  /** @throws IssueError as the sidecar makes of the answer, or of none */
  readonly ask: (request: SessionRequest) => Promise<Credentials>;
  /** Starts a replica; resolves when it is ready. */
  readonly add: () => Promise<void>;
  /** Kills the oldest replica. */
  readonly killOldest: () => void;
  /** Whether the oldest replica is cut off from STS, and answers all the same. */
  readonly cutOffOldest: (isCutOff: boolean) => void;
  /** Sessions in memory, of all replicas. */
  readonly held: () => number;
}

export interface SimulatedBrokersDeps {
  readonly cluster: SimulatedCluster;
  readonly sts: SimulatedSts;
  readonly clock: Clock;
  readonly random: Random;
  readonly tokenFile: string;
  /** Called with the time of each answer in milliseconds, and `Success` or its code. */
  readonly onAnswer: (ms: number, code: string) => void;
}

const CALLS_PER_SECOND = 200;
/** What a sidecar waits for. */
const SIDECAR_MS = 10_000;
const NETWORK_MS = 1;

export function simulatedBrokers(deps: SimulatedBrokersDeps): SimulatedBrokers {
  const { clock, random, onAnswer } = deps;
  const replicas: Replica[] = [];

  /** As kube-proxy does, which knows those that are ready. */
  const oneOf = (): Replica | undefined => {
    const ready = replicas.filter(({ sessions }) => sessions.cannotIssue() === undefined);
    return ready[Math.floor(random() * ready.length)];
  };

  return {
    add: async () => {
      const replica = newReplica(deps);
      replica.sessions.start();
      while (replica.sessions.identity.arn() === undefined) await clock.sleep(100);
      replicas.push(replica);
    },
    killOldest: () => replicas.shift()?.kill(),
    cutOffOldest: (isCutOff) => {
      const [oldest] = replicas;
      if (oldest !== undefined) oldest.isCutOff = isCutOff;
    },
    held: () => replicas.reduce((sum, { sessions }) => sum + sessions.held(), 0),
    ask: async (request) => {
      const start = clock.elapsed();
      const ended = (code: string): void => onAnswer(clock.elapsed() - start, code);
      try {
        const replica = oneOf();
        if (replica === undefined) throw noAnswer("BROKER_UNREACHABLE");
        await clock.sleep(NETWORK_MS);
        if (replica.underWay.size >= LIMITS.connections) throw noAnswer("CONNECTION_REFUSED");
        const credentials = await answerOf(replica, request, clock);
        ended("Success");
        return credentials;
      } catch (error) {
        ended(error instanceof IssueError ? error.code : "INTERNAL");
        throw error;
      }
    },
  };
}

/** Not by Promise.race with a promise for all requests: that would keep each of them in memory. */
async function answerOf(
  { broker: ask, underWay }: Replica,
  request: SessionRequest,
  clock: Clock,
): Promise<Credentials> {
  const { promise, resolve, reject } = Promise.withResolvers<Credentials>();
  const killed = (): void => reject(noAnswer("BROKER_UNREACHABLE"));
  underWay.add(killed);
  void clock.sleep(SIDECAR_MS).then(() => reject(noAnswer("BROKER_TIMEOUT")));
  ask(request).then(resolve, reject);
  try {
    return await promise;
  } finally {
    underWay.delete(killed);
  }
}

function newReplica({ cluster, sts, clock, random, tokenFile }: SimulatedBrokersDeps): Replica {
  const log: Log = silent;
  const stopping = new AbortController();
  const sessions = brokerSessions({
    identity: "web-identity",
    env: {
      AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/podrole-broker",
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    },
    config: () => SETTINGS,
    callsPerSecond: CALLS_PER_SECOND,
    clock,
    random,
    log,
    onCall: () => undefined,
    onMade: () => undefined,
    sts: sts.seenBy(() => replica.isCutOff),
  });
  const turns = apiTurns(clock);
  const { signal } = stopping;
  const underWay = new Set<() => void>();
  const replica: Replica = {
    isCutOff: false,
    broker: broker({
      reviewToken: tokenReviewer({ api: cluster.api, turns, clock, signal }),
      readPod: podReader({ api: cluster.api, turns, signal }),
      cluster: cluster.facts,
      excluded: new Set(),
      isFollowing: () => true,
      config: () => SETTINGS,
      issueSession: sessions.issue,
      cannotIssue: sessions.cannotIssue,
      clock,
      observe: () => undefined,
      log,
    }),
    sessions,
    underWay,
    kill: () => {
      stopping.abort();
      sessions.stop();
      for (const killed of underWay) killed();
    },
  };
  return replica;
}

const noAnswer = (code: string): IssueError =>
  new IssueError(code, "The broker did not answer.", { kind: "passing" });
