import { createEngine, type Engine } from "../../sidecar/engine/engine.ts";
import type { Random } from "../../sidecar/engine/schedule.ts";
import { BROKER } from "../../sidecar/contract/broker.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { podToken } from "../support/pod-token.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import type { SimulatedBrokers } from "./brokers.ts";
import type { SimulatedPod } from "./cluster.ts";

/** The sidecars of all pods. */
export interface Sidecars {
  /** Spread over so much time by chance. */
  readonly start: (overMs: number) => void;
  readonly stop: () => void;
  /** How many have no session now. */
  readonly unserved: (of?: (pod: SimulatedPod) => boolean) => number;
  /** The sessions that have expired before there was another, since this was last called. */
  readonly lost: () => readonly Lost[];
}

export interface Lost {
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface SidecarsDeps {
  readonly pods: readonly SimulatedPod[];
  readonly brokers: SimulatedBrokers;
  readonly clock: Clock;
  readonly random: Random;
}

interface Sidecar {
  readonly pod: SimulatedPod;
  readonly engine: Engine;
  /** The session that it has, or had. */
  last: Lost | undefined;
}

/** Real engines of sidecars. Of the source `broker`, the request goes to the simulated brokers in place of the network. */
export function sidecars({ pods, brokers, clock, random }: SidecarsDeps): Sidecars {
  let lost: Lost[] = [];
  const noteEnd = (one: Sidecar): void => {
    if (one.last === undefined || one.last.expiresAt > clock.now()) return;
    lost.push(one.last);
    one.last = undefined;
  };
  const all = pods.map((pod): Sidecar => {
    const token = renewedToken(pod, clock, random);
    const body = JSON.stringify({ identity: "pod", roleArn: pod.role });
    const issue = async () => {
      const { ...credentials } = await brokers.ask({ token: token(), body, address: pod.address });
      return { ...credentials, issuedAt: clock.now() };
    };
    const onIssued = (credentials: Credentials): void => {
      noteEnd(one);
      one.last = credentials;
    };
    const engine = createEngine({ issue, clock, random, onIssued });
    const one: Sidecar = { pod, engine, last: undefined };
    return one;
  });
  return {
    start: (overMs) => {
      for (const { engine } of all) void clock.sleep(random() * overMs).then(engine.start);
    },
    stop: () => {
      for (const { engine } of all) engine.stop();
    },
    unserved: (of = () => true) =>
      all.filter(({ pod, engine }) => of(pod) && engine.current() === undefined).length,
    lost: () => {
      for (const one of all) noteEnd(one);
      const seen = lost;
      lost = [];
      return seen;
    },
  };
}

/** The kubelet renews a token after four fifths of its life, each pod's at another time. */
function renewedToken(pod: SimulatedPod, { now }: Pick<Clock, "now">, random: Random): () => string {
  const lifeMs = BROKER.tokenSeconds * 1000;
  let madeAt = now() - random() * 0.8 * lifeMs;
  const make = (): string =>
    podToken({
      exp: Math.floor((madeAt + lifeMs) / 1000),
      pod: { name: pod.pod, uid: pod.podUid },
      namespace: pod.namespace,
      serviceAccount: pod.serviceAccount,
      jti: String(madeAt),
    });
  let token = make();
  return () => {
    if (now() > madeAt + 0.8 * lifeMs) {
      madeAt = now();
      token = make();
    }
    return token;
  };
}
