import { CommanderError } from "commander";
import { systemClock } from "../../sidecar/kit/clock.ts";
import { coded, oneLine } from "../../sidecar/kit/errors.ts";
import { findAccess, namespaceOf } from "../cluster/access.ts";
import { apiServer } from "../cluster/api-server.ts";
import { configInForce } from "../cluster/config-in-force.ts";
import { configSource, whyNoSettings } from "../cluster/config-source.ts";
import { kubernetesCluster } from "../cluster/kubernetes.ts";
import { baseOf, baseUnknown } from "../config/base-of-caller.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { drainer } from "../http/drain.ts";
import { healthServer } from "../http/health.ts";
import { processMemory, returnIdleMemory } from "../http/idle-memory.ts";
import { listenAt } from "../http/listen.ts";
import { serveCertificate } from "../http/listener.ts";
import { endOnSignals } from "../http/signals.ts";
import { excludedNamespaces } from "../model/excluded-namespaces.ts";
import { createLog } from "../model/log.ts";
import { VERSION } from "../model/version.ts";
import { servingFrom } from "../tls/options.ts";
import { tlsSource } from "../tls/source.ts";
import { apiTurns } from "./api-turns.ts";
import { auditLog } from "./audit.ts";
import { broker, type SessionEvent } from "./broker.ts";
import { brokerCommand, identityOf, type BrokerOptions } from "./command.ts";
import { brokerMetrics } from "./metrics.ts";
import { podReader } from "./pod-record.ts";
import { unreadiness } from "./readiness.ts";
import { sessionServer } from "./server.ts";
import { brokerSessions } from "./sessions.ts";
import { tokenReviewer } from "./token-review.ts";

/** Puts the parts together. Each of them is tested without this. */
async function serve(options: BrokerOptions & Record<string, unknown>): Promise<void> {
  const serving = servingFrom(options);
  const log = createLog(options.logLevel, "podrole-broker");
  const [clock, stopping] = [systemClock, new AbortController()];
  const { signal } = stopping;
  const finishFirst = endOnSignals();

  // What the cluster says.
  const access = await findAccess(options.kubeconfig);
  const api = apiServer(access);
  const namespace = options.namespace ?? namespaceOf(access) ?? "podrole-system";
  const cluster = kubernetesCluster(access, { log, rulesOnly: true });
  const turns = apiTurns(clock);

  // Settings, and the sessions that are made by them. The settings need the broker's identity where they ask for its account, and the
  // identity needs all other settings.
  let latest: InjectorConfig | undefined;
  const settings = await configSource(options, namespace, { api, clock, log });
  const config = configInForce({
    clock,
    log,
    signal,
    complete: async ({ config: one, asksForBase }) => {
      const isFirst = latest === undefined;
      latest = one;
      if (isFirst) sessions.start();
      return asksForBase ? { ...one, baseRoleArn: baseOf(ownArn()) } : one;
    },
  });
  const sessions = brokerSessions({
    identity: identityOf(options, process.env),
    env: process.env,
    config: () => latest ?? config.current(),
    callsPerSecond: options.stsCallsPerSecond,
    clock,
    random: Math.random,
    log,
    onCall: (code, ms) => metrics.observeCall(code, ms),
    onMade: (plan, session) => observe({ kind: "made", plan, session }),
  });
  const ownArn = (): string => {
    const arn = sessions.identity.arn();
    if (arn === undefined) throw baseUnknown("STS has not told the broker's own identity yet");
    return arn;
  };

  // The certificate, and whether all is well.
  const tls = tlsSource(serving, { api, namespace, clock, log, reloaded: () => metrics.countReload() });
  const drain = drainer({ ms: serving.drainMs, clock, log });
  const unready = unreadiness({
    draining: () => drain.started(),
    factsRead: () => cluster.ready(),
    factsOld: () => cluster.old(),
    settings: () => whyNoSettings(config, settings),
    certificate: () => tls.state().unready,
    cannotIssue: sessions.cannotIssue,
    identity: sessions.identity,
  });
  const metrics = brokerMetrics({
    version: VERSION,
    synced: () => cluster.ready(),
    now: () => clock.now(),
    followed: () => cluster.followed(),
    refusedLookUps: () => cluster.refusedLookUps(),
    tls: () => tls.state(),
    unready,
    config,
    queueLength: sessions.waiting,
    callsPerSecond: sessions.callsPerSecond,
    heldSessions: sessions.held,
    identity: sessions.identity,
  });

  const audit = auditLog(log, clock);
  const observe = (event: SessionEvent): void => {
    metrics.observe(event);
    audit(event);
  };

  // From here on kubelets can ask how it is.
  const health = healthServer({
    unready,
    metrics: metrics.text,
    detail: () => {
      const [identity, detail] = [sessions.identity.arn(), config.refused() ?? settings.trouble()];
      return { ...(identity === undefined ? {} : { identity }), ...(detail === undefined ? {} : { detail }) };
    },
  });
  await listenAt(health, options.host, options.healthPort, "--health-port");
  cluster.start();
  const following = settings.run(config, signal);
  const { minVersion } = serving;
  const sessionPort = sessionServer({
    broker: broker({
      reviewToken: tokenReviewer({ api, turns, clock, signal, onReview: metrics.countReview }),
      readPod: podReader({ api, turns, signal }),
      cluster,
      excluded: new Set(excludedNamespaces(namespace, options.excludeNamespaces)),
      isFollowing: () => cluster.isFollowing(),
      config: () => config.current(),
      issueSession: sessions.issue,
      cannotIssue: sessions.cannotIssue,
      clock,
      observe,
      log,
    }),
    tls: { minVersion, ...(await tls.first(signal)) },
    refusedConnection: metrics.countRefused,
    draining: () => drain.started(),
    onAnswer: metrics.observeAnswer,
  });
  const certificates = tls.run(
    (pair) => serveCertificate(sessionPort.server, { minVersion, ...pair }),
    signal,
  );
  // Before it listens: whoever reads "listening" may end it at once, and is to see it drain.
  finishFirst(() => {
    // Cluster and certificates are followed to the end: until then requests come.
    void drain.run(sessionPort).then(async () => {
      stopping.abort();
      sessions.stop();
      health.closeAllConnections();
      health.close();
      await Promise.all([cluster.stop(), certificates, following]);
      api.close();
    });
  });
  await listenAt(sessionPort.server, options.host, options.port);
  log.info(
    { host: options.host, port: options.port, healthPort: options.healthPort, version: VERSION },
    "listening",
  );
  void returnIdleMemory({ clock, ...processMemory() }, signal);
}

try {
  await brokerCommand().action(serve).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const known = coded(error);
  console.error(oneLine(known));
  process.exit(known.code.startsWith("CONFIG_") ? 2 : 1);
}
