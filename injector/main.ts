import { constants } from "node:os";
import { CommanderError } from "commander";
import { systemClock } from "../sidecar/kit/clock.ts";
import { coded, CodedError, oneLine, systemCode } from "../sidecar/kit/errors.ts";
import { createLog, type LogLevel } from "../sidecar/kit/log.ts";
import { findAccess, namespaceOf } from "./cluster/access.ts";
import { apiServer } from "./cluster/api-server.ts";
import { discoverBaseRoleArn } from "./config/base-role.ts";
import { configInForce } from "./serve/config-in-force.ts";
import { configFileSource, configMapSource } from "./serve/config-source.ts";
import { injectorCommand } from "./serve/command.ts";
import { drainer } from "./serve/drain.ts";
import { kubernetesCluster } from "./cluster/kubernetes.ts";
import { processMemory, returnIdleMemory } from "./serve/idle-memory.ts";
import { serveCertificate } from "./serve/listener.ts";
import { injectorMetrics } from "./serve/metrics.ts";
import { buildServer, troubleOf } from "./serve/server.ts";
import { servingFrom } from "./tls/options.ts";
import { tlsSource } from "./tls/source.ts";
import { randomToken } from "./mutate/token.ts";
import { VERSION } from "./model/version.ts";

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly namespace?: string;
  readonly configMap: string;
  readonly config?: string;
}

/** Composition: options, cluster, certificate, server, listen. Everything it composes is tested without it. */
async function serve(options: ServeOptions & Record<string, unknown>): Promise<void> {
  const serving = servingFrom(options);
  const log = createLog(options.logLevel, "podrole-injector");
  const access = await findAccess(options.kubeconfig);
  const cluster = kubernetesCluster(access, { log });
  const api = apiServer(access);
  const stopping = new AbortController();
  const place = {
    namespace: options.namespace ?? namespaceOf(access) ?? "podrole-system",
    name: options.configMap,
  };
  const settings =
    options.config === undefined
      ? configMapSource(place, { api, clock: systemClock, log })
      : await configFileSource(options.config);
  const config = configInForce({
    clock: systemClock,
    log,
    signal: stopping.signal,
    complete: async ({ config: one, asksForBase }) => {
      await cluster.keepRoleKey(one.keys.serviceAccountRole);
      return asksForBase ? { ...one, baseRoleArn: await discoverBaseRoleArn(one) } : one;
    },
  });
  const drain = drainer({ ms: serving.drainMs, clock: systemClock, log });
  const tls = tlsSource(serving, {
    api,
    namespace: namespaceOf(access) ?? "podrole-system",
    clock: systemClock,
    log,
    reloaded: () => metrics.countReload(),
  });
  const readiness = {
    // The cluster is not read to the end with settings that are refused: why they are says more.
    ready: () => cluster.ready() || config.refused() !== undefined,
    draining: () => drain.started(),
    trouble: () => config.missing() ?? tls.state().unready,
  };
  const metrics = injectorMetrics({
    version: VERSION,
    synced: () => cluster.ready(),
    now: () => systemClock.now(),
    followed: () => cluster.followed(),
    tls: () => tls.state(),
    unready: () => troubleOf(readiness),
    config,
  });
  // Until it listens there is nothing to drain.
  const leave = (): void => process.exit(0);
  process.on("SIGTERM", leave).on("SIGINT", leave);
  cluster.start();
  const following = settings.run(config, stopping.signal);
  const { minVersion } = serving;
  const first = await tls.first(stopping.signal);
  const app = buildServer({
    ...readiness,
    detail: () => config.refused(),
    config: () => config.current(),
    cluster,
    metrics: metrics.text,
    observe: metrics.observe,
    refused: metrics.countRefused,
    log,
    newToken: randomToken,
    tls: { ...first, minVersion },
  });
  const { host, port } = options;
  try {
    // Fastify does not know that the server it was handed speaks TLS.
    const listenTextResolver = (address: string): string =>
      `listening at ${address.replace(/^http:/, "https:")}`;
    await app.listen({ host, port, listenTextResolver });
  } catch (error) {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    throw new CodedError("PORT_IN_USE", `Port ${port} is taken.`, {
      remedy: "Choose another --port.",
      cause: error,
    });
  }
  const certificates = tls.run(
    (pair) => serveCertificate(app.server, { ...pair, minVersion }),
    stopping.signal,
  );
  void returnIdleMemory({ clock: systemClock, ...processMemory() }, stopping.signal);
  const stop = (signal: "SIGTERM" | "SIGINT"): void => {
    // Whoever says it twice does not want to wait.
    if (drain.started()) process.exit(128 + constants.signals[signal]);
    // Facts and certificates are followed to the end: until then there are decisions to take.
    void drain.run(app).then(async () => {
      stopping.abort();
      await Promise.all([cluster.stop(), certificates, following]);
      api.close();
    });
  };
  process.off("SIGTERM", leave).off("SIGINT", leave);
  process.on("SIGTERM", stop).on("SIGINT", stop);
}

const command = injectorCommand().action(serve);

try {
  await command.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const known = coded(error);
  console.error(oneLine(known));
  process.exit(known.code.startsWith("CONFIG_") ? 2 : 1);
}
