import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { KubeConfig } from "@kubernetes/client-node";
import { Command, CommanderError, Option } from "commander";
import { ANNOTATION } from "../sidecar/contract.ts";
import { systemClock } from "../sidecar/kit/clock.ts";
import { integer } from "../sidecar/kit/env.ts";
import { coded, CodedError, oneLine, systemCode } from "../sidecar/kit/errors.ts";
import { createLog, LOG_LEVELS, type LogLevel } from "../sidecar/kit/log.ts";
import { apiServer } from "./api-server.ts";
import { discoverBaseRoleArn } from "./base-role.ts";
import { readCaFile } from "./ca-file.ts";
import { eventRecorder } from "./events.ts";
import { keepGrantStatus } from "./grant-status.ts";
import { kubernetesCluster } from "./kubernetes.ts";
import { injectorMetrics } from "./metrics.ts";
import { AUTO, installationFrom, withInstallation } from "./options.ts";
import { buildServer } from "./server.ts";
import { randomToken } from "./token.ts";
import { VERSION } from "./version.ts";

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
}

/** Composition: options, key pair, cluster, server, listen. Everything it composes is tested without it. */
async function serve(options: ServeOptions & Record<string, unknown>): Promise<void> {
  const config = installationFrom(await withBaseRole(options), readCaFile);
  const log = createLog(options.logLevel, "podrole-injector");
  const [cert, key] = await Promise.all([readPem(options.tlsCert), readPem(options.tlsKey)]);
  const kubeConfig = new KubeConfig();
  if (options.kubeconfig === undefined) kubeConfig.loadFromDefault();
  else kubeConfig.loadFromFile(options.kubeconfig);
  const roleKey = config.keys[ANNOTATION.serviceAccountRole];
  const cluster = kubernetesCluster(kubeConfig, { log, ...(roleKey === undefined ? {} : { roleKey }) });
  const metrics = injectorMetrics({
    version: VERSION,
    synced: () => cluster.ready(),
    now: () => systemClock.now(),
    followed: () => cluster.followed(),
  });
  const api = apiServer(kubeConfig);
  const events = eventRecorder({
    api,
    log,
    clock: systemClock,
    instance: hostname(),
    count: metrics.countEvent,
  });
  const app = buildServer({
    config,
    cluster,
    ready: () => cluster.ready(),
    metrics: metrics.text,
    observe: (decided) => {
      metrics.observe(decided);
      events.observe(decided);
    },
    log,
    newToken: randomToken,
    tls: { cert, key },
  });
  try {
    await app.listen({
      host: options.host,
      port: options.port,
      // Fastify does not know that the server it was handed speaks TLS.
      listenTextResolver: (address) => `listening at ${address.replace(/^http:/, "https:")}`,
    });
  } catch (error) {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    throw new CodedError("PORT_IN_USE", `Port ${options.port} is taken.`, {
      remedy: "Choose another --port.",
      cause: error,
    });
  }
  cluster.start();
  const stopping = new AbortController();
  void keepGrantStatus({ api, clock: systemClock, log }, stopping.signal);
  const stop = (): void => {
    log.info("closing");
    stopping.abort();
    // A connection that was busy when close() looked would otherwise hold the process for its whole keep-alive.
    setInterval(() => app.server.closeIdleConnections(), 100).unref();
    void app.close().then(async () => {
      await Promise.all([cluster.stop(), events.stop()]);
      api.close();
    });
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
}

/** The options with `auto` in the place of a base ARN looked up. */
async function withBaseRole(
  options: ServeOptions & Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const { baseRoleArn, region, stsEndpoint, stsFips, stsDualStack, stsCaFile } = options;
  if (baseRoleArn !== AUTO) return options;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return {
    ...options,
    baseRoleArn: await discoverBaseRoleArn({
      region: text(region),
      endpoint: text(stsEndpoint),
      fips: stsFips === true,
      dualStack: stsDualStack === true,
      ca: typeof stsCaFile === "string" ? readCaFile(stsCaFile) : undefined,
    }),
  };
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new CodedError(
      "TLS_FILE_UNREADABLE",
      `${path} cannot be read (${systemCode(error) ?? "unknown error"}).`,
      {
        remedy: "Mount the Secret with the serving certificate, or correct --tls-cert and --tls-key.",
        cause: error,
      },
    );
  }
}

const command = withInstallation(
  new Command("podrole-injector")
    .description("The admission webhook: gives every pod of a labelled namespace its guard and its role.")
    .version(VERSION)
    .addOption(new Option("--host <address>", "address to listen on").default("::"))
    .addOption(new Option("--port <port>", "port to listen on").argParser(integer(1, 65_535)).default(8443))
    .requiredOption("--tls-cert <file>", "serving certificate, PEM")
    .requiredOption("--tls-key <file>", "its private key, PEM")
    .option("--kubeconfig <file>", "kubeconfig; in a cluster the pod's service account is used")
    .addOption(new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default("info"))
    .exitOverride(),
).action(serve);

try {
  await command.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const known = coded(error);
  console.error(oneLine(known));
  process.exit(known.code === "CONFIG_INVALID" ? 2 : 1);
}
