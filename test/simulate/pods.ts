import { createEngine, type Engine } from "../../sidecar/engine/engine.ts";
import type { Random } from "../../sidecar/engine/schedule.ts";
import { BROKER } from "../../sidecar/contract/broker.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { podToken } from "../support/pod-token.ts";
import type { SimulatedBrokers } from "./brokers.ts";
import type { SimulatedPod } from "./cluster.ts";

/** The sidecars of all pods. */
export interface Sidecars {
  /** Spread over so much time by chance. */
  readonly start: (overMs: number) => void;
  readonly stop: () => void;
  /** How many have a session now. */
  readonly served: () => number;
  /** The pods that have lost their session since this was last called, each with the time of the last renewal. */
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
  readonly engine: Engine;
  /** The session that it had when it was last looked at. */
  last: Lost | undefined;
}

/** Real engines of sidecars. Of the source `broker`, the request goes to the simulated brokers in place of the network. */
export function sidecars({ pods, brokers, clock, random }: SidecarsDeps): Sidecars {
  const all = pods.map((pod): Sidecar => {
    const token = renewedToken(pod, clock, random);
    const body = JSON.stringify({ identity: "pod", roleArn: pod.role });
    const issue = async () => {
      const { ...credentials } = await brokers.ask({ token: token(), body, address: pod.address });
      return { ...credentials, issuedAt: clock.now() };
    };
    return { engine: createEngine({ issue, clock, random }), last: undefined };
  });
  return {
    start: (overMs) => {
      for (const { engine } of all) void clock.sleep(random() * overMs).then(engine.start);
    },
    stop: () => {
      for (const { engine } of all) engine.stop();
    },
    served: () => all.filter(({ engine }) => engine.current() !== undefined).length,
    lost: () =>
      all.flatMap((one) => {
        const before = one.last;
        one.last = one.engine.current();
        return before !== undefined && one.last === undefined ? [before] : [];
      }),
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
