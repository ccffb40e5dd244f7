import type { Random } from "../../sidecar/engine/schedule.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { proxyCredentialsIn } from "../../sidecar/kit/proxy-env.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { stsEndpointOf } from "../config/sts-endpoint.ts";
import { stsProxyOf } from "../config/sts-proxy.ts";
import type { Keys } from "../../sidecar/sts/client.ts";
import type { IssueError } from "../../sidecar/sts/issue-error.ts";
import { fallbackRegion, parseRoleArn } from "../model/arn.ts";
import type { BrokerIdentityType } from "../model/broker-identity.ts";
import { callBudget } from "./call-budget.ts";
import { callQueue } from "./call-queue.ts";
import { heldSessions } from "./held-sessions.ts";
import { sessionIssuer, type IssueDeps, type IssueSession } from "./issue-session.ts";
import { sessionMaker } from "./make-session.ts";
import { ownIdentity, type OwnIdentity } from "./own-identity.ts";
import { ownSource } from "./own-source.ts";
import { sourceIdentityWhereAllowed } from "./source-identity.ts";
import { stsCalls, type StsCalls, type StsPlace } from "./sts-calls.ts";

export interface SessionsDeps {
  readonly identity: BrokerIdentityType;
  /** The broker's variables. */
  readonly env: Env;
  /** The settings of now. */
  readonly config: () => InjectorConfig;
  readonly callsPerSecond: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called for every call to STS with `Success` or the code of its failure, and how long it took in milliseconds. */
  readonly onCall: (code: string, ms: number) => void;
  /** Called with every session that STS has made for a pod. */
  readonly onMade: IssueDeps["onMade"];
  /** Default: the real one. */
  readonly sts?: StsCalls;
}

/** The broker towards STS. */
export interface Sessions {
  readonly issue: IssueSession;
  /** Why no pod can get a session, whichever it is; undefined where some might. */
  readonly cannotIssue: () => IssueError | undefined;
  readonly identity: Pick<OwnIdentity, "arn" | "expiresAt" | "problem">;
  /** How many sessions wait to be made. */
  readonly waiting: () => number;
  /** The rate that calls to STS are kept to now. */
  readonly callsPerSecond: () => number;
  /** How many sessions are in memory. */
  readonly held: () => number;
  readonly start: () => void;
  readonly stop: () => void;
}

/** @throws CodedError `CONFIG_INVALID`: the variables of the broker's identity */
export function brokerSessions({
  identity: kind,
  env,
  config,
  callsPerSecond,
  clock,
  random,
  log,
  onCall,
  onMade,
  sts = stsCalls({ clock, proxyCredentials: proxyCredentialsIn(env), onCall }),
}: SessionsDeps): Sessions {
  const stopping = new AbortController();
  const now = (): number => clock.now();
  const place = (): StsPlace => ownPlace(config(), env);
  const askArn = (keys: Keys): Promise<string> => sts.arnOf(keys, place());
  const identity = ownIdentity({
    source: ownSource(kind, env, { assumeRole: async (request) => (await sts.at(place()))(request), now }),
    askArn,
    clock,
    random,
    log,
  });
  const budget = callBudget(callsPerSecond, clock);
  const queue = callQueue({ budget, clock });
  const held = heldSessions(clock);
  const sourceIdentities = sourceIdentityWhereAllowed({
    now,
    onLeftOut: (roleArn) =>
      log.warn(
        {
          code: "SOURCE_IDENTITY_NOT_ALLOWED",
          roleArn,
          remedy: `Allow sts:SetSourceIdentity beside sts:AssumeRole, in the role's trust policy and to the broker, or set sourceIdentity to no.`,
        },
        "sessions of this role have no source identity",
      ),
  });
  const makeSession = sessionMaker({
    ownKeys: identity.keys,
    ownPlace: place,
    areOwnKeysAccepted: () =>
      askArn(identity.keys()).then(
        () => true,
        () => false,
      ),
    sts,
    sourceIdentities,
    budget,
  });
  return {
    issue: sessionIssuer({ makeSession, queue, held, clock, onMade }),
    cannotIssue: () => (held.size() === 0 ? identity.unavailable() : undefined),
    identity,
    waiting: queue.length,
    callsPerSecond: budget.callsPerSecond,
    held: held.size,
    start: () => {
      identity.start();
      void held.sweep(stopping.signal);
    },
    stop: () => {
      identity.stop();
      stopping.abort();
    },
  };
}

/** Where the broker calls STS for its own identity. */
function ownPlace(config: InjectorConfig, env: Env): StsPlace {
  const role = parseRoleArn(env["AWS_ROLE_ARN"] ?? "");
  const region =
    config.region ?? (env["AWS_REGION"] || (role === undefined ? "us-east-1" : fallbackRegion(role)));
  const endpoint = stsEndpointOf(region, config);
  return { region, endpoint, proxy: stsProxyOf(endpoint, config), ca: config.stsCa };
}
