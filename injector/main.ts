import { totalmem } from "node:os";
import { CommanderError } from "commander";
import { systemClock } from "../sidecar/kit/clock.ts";
import { coded, oneLine } from "../sidecar/kit/errors.ts";
import { proxyCredentialsIn } from "../sidecar/kit/proxy-env.ts";
import { findAccess, namespaceOf } from "./cluster/access.ts";
import { apiServer } from "./cluster/api-server.ts";
import { kubernetesCluster } from "./cluster/kubernetes.ts";
import { discoverBaseRoleArn } from "./config/base-role.ts";
import { createLog } from "./model/log.ts";
import { VERSION } from "./model/version.ts";
import { random } from "./mutate/fresh.ts";
import { bodyLimits } from "./serve/bodies.ts";
import { injectorCommand } from "./serve/command.ts";
import { configInForce } from "./cluster/config-in-force.ts";
import { configSource, whyNoSettings } from "./cluster/config-source.ts";
import { drainer } from "./http/drain.ts";
import { processMemory, returnIdleMemory } from "./http/idle-memory.ts";
import { listen } from "./http/listen.ts";
import { serveCertificate, type ListenerTls } from "./http/listener.ts";
import { injectorMetrics } from "./serve/metrics.ts";
import { buildServer, troubleOf } from "./serve/server.ts";
import type { ServerOptions } from "./http/server-command.ts";
import { endOnSignals } from "./http/signals.ts";
import { followClientCa, readClientCa } from "./tls/client-ca.ts";
import { servingFrom } from "./tls/options.ts";
import { tlsSource } from "./tls/source.ts";

/** Puts the parts together. Each of them is tested without this. */
async function serve(options: ServerOptions & Record<string, unknown>): Promise<void> {
  const serving = servingFrom(options);
  const { minVersion, drainMs, clientCa: clientCaFile } = serving;
  const log = createLog(options.logLevel, "podrole-injector");
  const [clock, stopping] = [systemClock, new AbortController()];
  const { signal } = stopping;
  const finishFirst = endOnSignals();

  const proxyCredentials = proxyCredentialsIn(process.env);

  // What the cluster says, and how the installation is set.
  const access = await findAccess(options.kubeconfig);
  const api = apiServer(access);
  const namespace = options.namespace ?? namespaceOf(access) ?? "podrole-system";
  const cluster = kubernetesCluster(access, { log });
  const settings = await configSource(options, namespace, { api, clock, log });
  const config = configInForce({
    clock,
    log,
    signal,
    complete: async ({ config: one, asksForBase }) => {
      await cluster.keepRoleKey(one.keys.serviceAccountRole);
      return asksForBase ? { ...one, baseRoleArn: await discoverBaseRoleArn(one, proxyCredentials) } : one;
    },
  });

  // The certificate, and whether all is well.
  const reloaded = (): void => metrics.countReload();
  const tls = tlsSource(serving, { api, namespace, clock, log, reloaded });
  const drain = drainer({ ms: drainMs, clock, log });
  const readiness = {
    // Why there are no settings says more than that the cluster has not been read. Where there are some, refused ones are no
    // reason to be ready without the grants.
    ready: () => cluster.ready() || config.missing() !== undefined,
    draining: () => drain.started(),
    trouble: () => whyNoSettings(config, settings) ?? tls.state().unready,
  };
  const metrics = injectorMetrics({
    version: VERSION,
    synced: () => cluster.ready(),
    now: () => clock.now(),
    followed: () => cluster.followed(),
    refusedLookUps: () => cluster.refusedLookUps(),
    tls: () => tls.state(),
    unready: () => troubleOf(readiness),
    config,
  });

  cluster.start();
  const following = settings.run(config, signal);
  let listening: ListenerTls = {
    minVersion,
    ...(clientCaFile === undefined ? {} : { clientCa: await readClientCa(clientCaFile) }),
    ...(await tls.first(signal)),
  };
  const app = buildServer({
    ...readiness,
    detail: () => config.refused() ?? settings.trouble(),
    config: () => config.current(),
    cluster,
    metrics: metrics.text,
    observe: metrics.observe,
    refused: metrics.countRefused,
    log,
    fresh: random,
    refusedClient: metrics.countRefusedClient,
    tls: listening,
    bodies: bodyLimits(memoryLimit()),
  });
  const serveWith = (changed: Partial<ListenerTls>): void => {
    const next = { ...listening, ...changed };
    serveCertificate(app.server, next);
    listening = next;
  };
  const certificates = tls.run(serveWith, signal);
  if (clientCaFile !== undefined && listening.clientCa !== undefined) {
    const apply = (clientCa: string): void => {
      serveWith({ clientCa });
      // Those that are open were admitted by the former CA.
      app.server.closeIdleConnections();
    };
    void followClientCa(listening.clientCa, { path: clientCaFile, clock, log, apply }, signal);
  }
  // Before it listens: whoever reads "listening at" may end it at once, and is to see it drain.
  finishFirst(() => {
    // Cluster and certificates are followed to the end: until then reviews come.
    void drain.run(app).then(async () => {
      stopping.abort();
      await Promise.all([cluster.stop(), certificates, following]);
      api.close();
    });
  });
  await listen(app, options.host, options.port);
  void returnIdleMemory({ clock, ...processMemory() }, signal);
}

/** The container's memory limit in bytes; undefined on a machine that sets none. */
function memoryLimit(): number | undefined {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? bytes : undefined;
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
