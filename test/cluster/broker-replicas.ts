import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import type { Replica } from "./broker-programs.ts";
import type { BrokerCluster } from "./broker-rig.ts";
import type { PodProcess } from "./pod-process.ts";

/** EndpointSlices and kube-proxy may be this late. */
const ENDPOINT_MS = 1500;

/** Replicas that end. A pod with sessions of seconds renews them all the time, and must always have one. */
export function brokerReplicas(cluster: () => BrokerCluster): void {
  const serveBy = (...replicas: readonly Replica[]): void => {
    cluster().service.endpoints = replicas.map(({ port }) => port);
  };

  test("a pod misses no session while one replica is killed, and another ends in the middle of an answer", async () => {
    const first = cluster().programs.firstReplica;
    const second = await cluster().programs.startReplica();
    serveBy(first, second);
    const running = await cluster().run(await cluster().pod("shop", "short", "short"));
    await running.ready();
    const watched = watch(running);
    second.kill("SIGKILL");
    await delay(ENDPOINT_MS);
    serveBy(first);
    await until("another session", () => watched.keys.size > 1 || undefined);

    const third = await cluster().programs.startReplica();
    serveBy(first);
    const answer = cluster().askAs(await cluster().pod("shop", "slow", "slow"), "slow");
    await until("the call to STS", () => cluster().sts.callsFor("slow")[0]);
    first.kill("SIGTERM");
    expect(await answer).toMatchObject({ status: 200 });
    serveBy(third);
    expect(await first.exited).toBe(0);
    const { size } = watched.keys;
    await until("a session by the last replica", () => watched.keys.size > size || undefined);
    expect(await watched.stop()).toEqual([]);
  });
}

interface Watched {
  /** The access key ids of all sessions so far. */
  readonly keys: ReadonlySet<string>;
  /** @returns all answers that were no session */
  readonly stop: () => Promise<readonly string[]>;
}

/** Asks the sidecar for the pod's session again and again, as an app does. */
function watch(pod: PodProcess): Watched {
  const keys = new Set<string>();
  const failures: string[] = [];
  const ending = new AbortController();
  const loop = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const { status, body } = await pod.credentials();
      if (status === 200) keys.add(JSON.parse(body).AccessKeyId);
      else failures.push(body);
      await delay(50);
    }
  };
  const looping = loop();
  return {
    keys,
    stop: async () => {
      ending.abort();
      await looping;
      return failures;
    },
  };
}
