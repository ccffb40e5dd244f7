import type { ConfiguredIdentity, SidecarConfig } from "./config/config.ts";
import { POD_IDENTITY } from "./contract/session.ts";
import type { Engine } from "./engine/engine.ts";
import { collectLater } from "./engine/garbage.ts";
import { identityEngine } from "./engine/identity-engine.ts";
import type { Random } from "./engine/schedule.ts";
import { createGuardCheck, logGuardState, type GuardCheck, type GuardState } from "./guard-check.ts";
import { lookByConnecting, lookByProof, type Look, type Prove } from "./guard-looks.ts";
import { watchConnections, reachOthers, type ConnectionWatch } from "./imds/own-connections.ts";
import type { ImdsListening } from "./imds/server.ts";
import type { Clock } from "./kit/clock.ts";
import { CodedError } from "./kit/errors.ts";
import type { Log } from "./kit/log.ts";
import { reach } from "./kit/reach.ts";
import { readSmallFile } from "./kit/read-small-file.ts";
import { IDENTITY_SOURCES } from "./sources/sources.ts";
import { problemOf, waitForStart, type Needed } from "./start.ts";
import type { Credentials } from "./sts/credentials.ts";
import { healthServer, listenEverywhere } from "./wire/health.ts";
import { createMetrics, type Metrics } from "./wire/metrics.ts";
import { close, credentialServer, listen } from "./wire/server.ts";
import { watchTokenFile, type TokenFile } from "./wire/token-file.ts";

/** Four times a service account's token, and as much as the headers of a request may hold. */
const TOKEN_BYTES_MAX = 8 * 1024;

export interface ServeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called a moment after each call to STS for new credentials. */
  readonly collectGarbage: () => void;
  /** The proof of guard mode `verify`. */
  readonly prove: Prove;
}

export interface Serving {
  readonly port: number;
  readonly healthPort: number;
  /**
   * Resolves once credentials can be served for the first time, or when stopped before. Rejects with the reason when the
   * start has failed, see {@link waitForStart}. With `start=now` the app does not wait, so there is no start to fail: it
   * resolves at once.
   */
  readonly started: Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Listens first, then fetches: an app that asks early is told to try again instead of being refused the connection.
 * @throws CodedError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function serve(config: SidecarConfig, deps: ServeDeps): Promise<Serving> {
  const { clock, log } = deps;
  const metrics = createMetrics();
  const stopping = new AbortController();
  const onIssued = collectLater(deps.collectGarbage, clock, stopping.signal);
  const connections = watchConnections();
  const guardCheck = createGuardCheck({
    look: lookOf(config, deps, connections),
    clock,
    onChange: (state) => logGuardState(state, log),
  });
  const identities = config.identities.map((identity) => {
    const engine = identityEngine(config, identity, { ...deps, onCall: metrics.countSts, onIssued });
    const credentials = async (): Promise<Credentials> => {
      const problem = guardCheck.problem();
      if (problem !== undefined) throw problem;
      return engine.get();
    };
    const { tokenFile: path, ...own } = identity;
    const tokenFile = path === undefined ? undefined : appToken(identity.name, path, deps);
    return { ...own, engine, credentials, ...(tokenFile === undefined ? {} : { tokenFile }) };
  });
  const engines = identities.map(({ engine }) => engine);
  const files = identities.flatMap(({ tokenFile }) => tokenFile ?? []);
  const needed: readonly Needed[] = [
    { first: guardCheck.firstClosed, problem: guardCheck.problem },
    ...files.map(({ firstToken, problem }) => ({ first: firstToken, problem })),
    ...identities.map((identity) => sessionOf(identity, guardCheck)),
  ];
  let failed: CodedError | undefined;
  const problem = (): CodedError | undefined => failed ?? problemOf(needed);

  const server = credentialServer({ identities, onAnswer: metrics.countAnswer });
  const health = healthServer({
    notReady: () => problem()?.code,
    metrics: () =>
      metrics.text({
        expiresAt: Object.fromEntries(
          identities.map(({ name, engine }) => [name, engine.current()?.expiresAt]),
        ),
        guard: config.guard,
        ...imdsGauges(config, guardCheck.state()),
      }),
  });
  const port = await listen(server, config.port);
  const healthPort = await listenEverywhere(health, config.healthPort).catch(async (error: unknown) => {
    await close(server);
    throw error;
  });
  const imds = await metadataEndpoint(config, identities[0], connections, deps, metrics).catch(
    async (error: unknown) => {
      await Promise.all([close(server), close(health)]);
      throw error;
    },
  );
  log.info(
    { port, healthPort, imdsPort: imds?.port, source: config.source, sessionName: config.sts?.sessionName },
    "listening",
  );
  guardCheck.start();
  for (const one of [...files, ...engines]) one.start();

  const stop = async (): Promise<void> => {
    stopping.abort();
    for (const one of [...files, ...engines]) one.stop();
    guardCheck.stop();
    await Promise.all([close(server), close(health), imds?.close()]);
  };
  const timeoutMs = config.startTimeoutSeconds * 1000;
  const started =
    config.start === "now"
      ? Promise.resolve()
      : waitForStart(needed, { timeoutMs, clock, signal: stopping.signal }).catch((reason: CodedError) => {
          // From here on the sidecar is not ready any more, whatever STS answers: the hook counts on it.
          failed = reason;
          for (const engine of engines) engine.stop();
          throw reason;
        });
  // Avoids an unhandled rejection when nobody awaits `started`.
  started.catch(() => undefined);
  return { port, healthPort, started, stop };
}

/**
 * The session of an identity. If STS refuses it, a metadata service within reach is the worse news, and the message names
 * the container whose role it is.
 */
function sessionOf(
  { name, engine }: Pick<ConfiguredIdentity, "name"> & { readonly engine: Engine },
  guardCheck: GuardCheck,
): Needed {
  const first = engine.firstSession.catch((refusal: CodedError) => {
    throw guardCheck.problem() ?? ofIdentity(name, refusal);
  });
  // Avoids an unhandled rejection where nobody waits for the start.
  first.catch(() => undefined);
  return {
    first,
    problem: () => {
      const found = engine.problem();
      return found === undefined ? undefined : ofIdentity(name, found);
    },
  };
}

function ofIdentity(name: string, error: CodedError): CodedError {
  if (name === POD_IDENTITY) return error;
  const { code, message, remedy } = error;
  return new CodedError(code, `${name}: ${message}`, remedy === undefined ? {} : { remedy });
}

/**
 * Requests for metadata bring no token, so they are answered for the pod's own identity; parseConfig refuses emulation in
 * a pod with others. Imported only when needed: few pods use it.
 */
async function metadataEndpoint(
  { imds }: SidecarConfig,
  own: (Pick<ConfiguredIdentity, "steps"> & { readonly credentials: () => Promise<Credentials> }) | undefined,
  { note: onConnection }: ConnectionWatch,
  { clock }: ServeDeps,
  { countImds: onAnswer }: Metrics,
): Promise<ImdsListening | undefined> {
  if (imds === undefined || own === undefined) return undefined;
  const { serveImds } = await import("./imds/serve.ts");
  const roleArn = own.steps.at(-1)?.roleArn ?? "";
  return serveImds(imds, { roleArn, credentials: own.credentials, clock, onAnswer, onConnection });
}

/** An SDK that prefers the variable does without the file, but it is always there: without it, the volume is broken. */
const appToken = (identity: string, path: string, { clock, log }: ServeDeps): TokenFile =>
  watchTokenFile({
    path,
    read: async (file) => readSmallFile(file, TOKEN_BYTES_MAX),
    clock,
    onRotation: () => log.debug({ identity }, "token replaced"),
    onChange: (problem) =>
      problem === undefined
        ? log.debug({ identity }, "token read")
        : log.warn(
            { identity, code: problem.code, reason: problem.message, remedy: problem.remedy },
            "no token to compare with",
          ),
  });

/** Undefined where there is no guard, or it lets the sidecar through. */
function lookOf(
  { guard, source, blockedAddresses, imds }: SidecarConfig,
  { log, prove }: ServeDeps,
  connections: ConnectionWatch,
): Look | undefined {
  if (guard === undefined || IDENTITY_SOURCES[source].reachesMetadata) return undefined;
  if (guard === "verify") return lookByProof(blockedAddresses, prove);
  return lookByConnecting(
    blockedAddresses,
    imds === undefined ? reach : reachOthers(reach, connections),
    (address) => log.warn({ address }, "metadata service silent instead of refused"),
  );
}

function imdsGauges({ guard }: SidecarConfig, { kind }: GuardState) {
  const isChecked = kind !== "unchecked" && kind !== "unknown";
  return {
    imdsReachable: isChecked && kind !== "unproven" ? kind === "open" : undefined,
    imdsUnproven: isChecked && guard === "verify" ? kind === "doubted" || kind === "unproven" : undefined,
  };
}
