import type { ConfiguredIdentity, SidecarConfig } from "./config/config.ts";
import type { Credentials } from "./sts/credentials.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import { tidyAfterwards } from "./engine/garbage.ts";
import { healthServer, listenEverywhere } from "./wire/health.ts";
import { createArrivals, reachBeyond, type Arrivals } from "./imds/own.ts";
import type { ImdsListening } from "./imds/server.ts";
import type { Clock } from "./kit/clock.ts";
import type { CodedError } from "./kit/errors.ts";
import type { Log } from "./kit/log.ts";
import { createMetrics, type Metrics } from "./wire/metrics.ts";
import { reach } from "./kit/reach.ts";
import type { Random } from "./engine/schedule.ts";
import { close, credentialServer, listen } from "./wire/server.ts";
import { IDENTITY_SOURCES } from "./sources/sources.ts";
import { stsOver } from "./sts/assume-role.ts";
import { createVerifier, type Verifier } from "./guard-check.ts";

export interface ServeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called a moment after each time that STS was called for new credentials. */
  readonly collectGarbage: () => void;
}

export interface Serving {
  readonly port: number;
  readonly healthPort: number;
  /**
   * Resolves once credentials could be served for the first time, or when stopped before.
   * Rejects when that does not come about within the start time-out, with what stood in the way: STS's last refusal,
   * if there was one.
   */
  readonly started: Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Listens first, then fetches: an app that is early is told to come again instead of being refused the connection.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function serve(config: SidecarConfig, deps: ServeDeps): Promise<Serving> {
  const metrics = createMetrics();
  const stopping = new AbortController();
  const tidy = tidyAfterwards(deps.collectGarbage, deps.clock, stopping.signal);
  const arrivals = createArrivals();
  const verifier = verifierOf(config, deps, arrivals);
  const held = config.identities.map((identity) => {
    const engine = engineOf(config, identity, deps, metrics, tidy);
    const credentials = async (): Promise<Credentials> => {
      const open = verifier.obstacle();
      if (open !== undefined) throw open;
      return engine.get();
    };
    return { ...identity, engine, credentials };
  });
  const engines = held.map(({ engine }) => engine);
  const obstacle = (): CodedError | undefined =>
    verifier.obstacle() ?? engines.map((engine) => engine.obstacle()).find((one) => one !== undefined);

  const server = credentialServer({
    identities: held,
    onAnswer: metrics.countAnswer,
  });
  const health = healthServer({
    notReady: () => obstacle()?.code,
    metrics: () =>
      metrics.text({
        expiresAt: Object.fromEntries(held.map(({ name, engine }) => [name, engine.held()?.expiresAt])),
        imdsReachable: imdsReachable(config, verifier),
      }),
  });
  const port = await listen(server, config.port);
  const healthPort = await listenEverywhere(health, config.healthPort).catch(async (error: unknown) => {
    await close(server);
    throw error;
  });
  const imds = await metadataEndpoint(config, held[0], arrivals, deps, metrics).catch(
    async (error: unknown) => {
      await Promise.all([close(server), close(health)]);
      throw error;
    },
  );
  deps.log.info(
    { port, healthPort, imdsPort: imds?.port, source: config.source, sessionName: config.sessionName },
    "listening",
  );
  verifier.start();
  for (const engine of engines) engine.start();

  const stop = async (): Promise<void> => {
    stopping.abort();
    for (const engine of engines) engine.stop();
    verifier.stop();
    await Promise.all([close(server), close(health), imds?.close()]);
  };
  const ready = Promise.all([...engines.map((engine) => engine.firstHeld), verifier.firstClosed]);
  const timeout = deps.clock.sleep(config.startTimeoutSeconds * 1000, stopping.signal);
  const started = Promise.race([ready.then(() => true), timeout.then(() => stopping.signal.aborted)]).then(
    (fine) => {
      const inTheWay = fine ? undefined : obstacle();
      if (inTheWay !== undefined) throw inTheWay;
    },
  );
  // Whoever wants to know awaits it; who does not, must not be ended by it.
  started.catch(() => undefined);
  return { port, healthPort, started, stop };
}

/**
 * Its requests bring no token: it serves the pod's own identity, and parseConfig refuses it where there are others.
 * Imported when asked for: few pods want it.
 */
async function metadataEndpoint(
  { imds }: SidecarConfig,
  own: (ConfiguredIdentity & { readonly credentials: () => Promise<Credentials> }) | undefined,
  { note: onConnection }: Arrivals,
  { clock }: ServeDeps,
  { countImds: onAnswer }: Metrics,
): Promise<ImdsListening | undefined> {
  if (imds === undefined || own === undefined) return undefined;
  const { serveImds } = await import("./imds/serve.ts");
  const roleArn = own.steps.at(-1)?.roleArn ?? "";
  return serveImds(imds, {
    roleArn,
    credentials: own.credentials,
    clock,
    onAnswer,
    onConnection,
  });
}

/** One loop for each identity: what STS says of one role says nothing of another. */
function engineOf(
  config: SidecarConfig,
  { name, steps }: ConfiguredIdentity,
  { clock, random, log }: ServeDeps,
  metrics: Metrics,
  tidy: () => void,
): Engine {
  const assumeRole = stsOver({
    ...config.sts,
    now: () => clock.now(),
    onCall: metrics.countSts,
    onShortened: ({ code, message, remedy }) =>
      log.warn({ identity: name, code, reason: message, remedy }, "session shortened"),
  });
  return createEngine({
    issue: IDENTITY_SOURCES[config.source].issuer(config.sourceSettings, {
      steps,
      sessionName: config.sessionName,
      region: config.sts.region,
      assumeRole,
    }),
    clock,
    random,
    onIssued: ({ roleArn, expiresAt }) => {
      log.info({ identity: name, roleArn, expiresAt: new Date(expiresAt).toISOString() }, "credentials held");
      tidy();
    },
    onFailure: ({ code, message, remedy, kind }, retryInMs) =>
      log.warn(
        { identity: name, code, reason: message, remedy, kind, retryInMs: Math.round(retryInMs) },
        "no new credentials",
      ),
  });
}

const addressesToVerify = (config: SidecarConfig): readonly string[] =>
  IDENTITY_SOURCES[config.source].reachesMetadata ? [] : config.blockedAddresses;

function verifierOf(config: SidecarConfig, { clock, log }: ServeDeps, arrivals: Arrivals): Verifier {
  return createVerifier({
    addresses: addressesToVerify(config),
    reach: config.imds === undefined ? reach : reachBeyond(reach, arrivals),
    clock,
    onVerdict: (verdict) =>
      verdict.kind === "open"
        ? log.error({ address: verdict.address }, "metadata service reachable, credentials withheld")
        : log.info("metadata service out of reach"),
    onTimeout: (address) => log.warn({ address }, "metadata service silent instead of refused"),
  });
}

function imdsReachable(config: SidecarConfig, verifier: Verifier): boolean | undefined {
  const { kind } = verifier.verdict();
  return addressesToVerify(config).length === 0 || kind === "unknown" ? undefined : kind === "open";
}
