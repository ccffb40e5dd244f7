import { onTestFinished } from "vitest";
import { apiServer } from "../../injector/cluster/api-server.ts";
import { informer, type Informer, type Kind, type Timing } from "../../injector/cluster/informer.ts";
import { own, type Fields } from "../../injector/model/read.ts";
import { systemClock, type Clock } from "../../sidecar/kit/clock.ts";
import { fakeApiServer, type FakeApiServer } from "./fake-api-server.ts";
import { logLines, type LogLine } from "./log-lines.ts";
import { until } from "./until.ts";

export const PATH = "/api/v1/namespaces";
/** Short pauses for an informer, and limits that no slow machine reaches. */
export const TIMING = {
  listMs: 120_000,
  silenceMs: 120_000,
  firstPauseMs: 20,
  lastPauseMs: 80,
  absentMs: 40,
};
/** The event that ends a watch whose version is too old. */
export const EXPIRED = {
  type: "ERROR",
  object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" },
};

export interface Rig {
  readonly server: FakeApiServer;
  readonly informer: Informer<unknown>;
  /** `name=color` of every object in the cache. */
  readonly held: () => readonly string[];
  readonly lines: readonly LogLine[];
  /** Every pause so far, in milliseconds. */
  readonly pauses: readonly number[];
  readonly changes: readonly unknown[];
  readonly stop: () => Promise<void>;
}

export const object = (name: string, color = "red") => ({ metadata: { name }, color });

/** An informer that follows a fake API server until the test ends. */
export async function informerRig(
  prepare: (server: FakeApiServer) => void = () => {},
  kind: Partial<Kind<unknown>> = {},
  timing: Partial<Timing> = {},
): Promise<Rig> {
  const server = await fakeApiServer();
  prepare(server);
  const { log, lines } = logLines();
  const pauses: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => (pauses.push(ms), systemClock.sleep(ms, signal)),
  };
  const api = apiServer(server.config);
  const changes: unknown[] = [];
  const cut = ({ metadata, ...rest }: Fields): string =>
    `${String(own(metadata as Fields, "name"))}=${String(rest["color"])}`;
  const followed = informer(
    { resource: "namespaces", path: PATH, cut, onChange: (value) => void changes.push(value), ...kind },
    { api, log, clock, timing: { ...TIMING, ...timing } },
  );
  const stopping = new AbortController();
  const running = followed.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
    api.close();
  };
  onTestFinished(stop);
  return {
    server,
    informer: followed,
    held: () => [...followed.values()].map(String).sort(),
    lines,
    pauses,
    changes,
    stop,
  };
}

export const listed = (one: Rig): Promise<true> =>
  until("the list", () => one.informer.listed() || undefined);
export const watched = ({ server }: Rig, path = PATH): Promise<true> =>
  until("a watch", () => server.watches(path) > 0 || undefined);
export const holds = (one: Rig, ...wanted: readonly string[]): Promise<true> =>
  until(
    `${wanted.join()} instead of ${one.held().join()}`,
    () => one.held().join() === wanted.join() || undefined,
  );
export const messages = ({ lines }: Rig): readonly string[] => lines.map(({ msg }) => msg);
