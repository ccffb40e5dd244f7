import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { SecureContextOptions } from "node:tls";
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { coded, CodedError } from "../sidecar/kit/errors.ts";
import type { Log } from "../sidecar/kit/log.ts";
import { allow, deny, parseReview, type AdmissionReview, type Review } from "./admission.ts";
import { admit, type Outcome } from "./admit.ts";
import type { Cluster } from "./cluster.ts";
import type { InjectorConfig } from "./config.ts";
import { finding } from "./findings.ts";
import { patchBetween } from "./patch.ts";
import { nameOf, serviceAccountIn } from "./pod.ts";
import { isRecord, own } from "./read.ts";

export interface Deps {
  readonly config: InjectorConfig;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly newToken: () => string;
  /** Whether the facts are at hand; absent: always. */
  readonly ready?: () => boolean;
  /** Absent: plain HTTP, for tests that call `inject()`. */
  readonly tls?: SecureContextOptions;
}

/** The API server keeps idle connections for 90 s. A server that hangs up first loses the request sent meanwhile. */
const KEEP_ALIVE_MS = 150_000;
/** A review holds objects of up to 3 MiB, two of them on UPDATE; Fastify's own limit of 1 MiB would refuse it. */
const BODY_MAX_BYTES = 8 * 1024 * 1024;

/** The webhook server. `listen()` is the caller's; tests call `inject()`. */
export function buildServer(deps: Deps): FastifyInstance {
  const { tls } = deps;
  const log: FastifyBaseLogger = deps.log;
  const app = Fastify({
    loggerInstance: log,
    serverFactory: (handler) => webServer(handler, tls),
    // One line a decision, written below, says more than two lines a request.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_MAX_BYTES,
    // Keys of these names may stand in a pod's maps: refused, they would be a way to make the webhook fail.
    onProtoPoisoning: "ignore",
    onConstructorPoisoning: "ignore",
    // While draining we go on answering: a 503 would meet the API server's failurePolicy.
    return503OnClosing: false,
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const { code, message } = coded(error, "REQUEST_INVALID");
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error }, "request failed");
    return reply.status(status).send({ code, message });
  });
  app.setNotFoundHandler(async (_request, reply) =>
    reply
      .status(404)
      .send({ code: "NOT_FOUND", message: "There is only POST /mutate, GET /livez and GET /readyz." }),
  );
  app.post("/mutate", async (request) => answer(parseReview(request.body), deps));
  app.get("/livez", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) =>
    (deps.ready?.() ?? true)
      ? { status: "ok" }
      : reply.status(503).send({ code: "FACTS_UNAVAILABLE", message: "The cluster has not been read yet." }),
  );
  return app;
}

function webServer(handler: RequestListener, tls: SecureContextOptions | undefined): Server {
  const server = tls
    ? createHttpsServer({ minVersion: "TLSv1.3", ...tls }, handler)
    : createHttpServer(handler);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Above the keep-alive, or Node ends a reused connection while its next request's headers are on the way.
  server.headersTimeout = KEEP_ALIVE_MS + 5000;
  server.requestTimeout = KEEP_ALIVE_MS + 5000;
  return server;
}

function statusOf(error: unknown): number {
  if (error instanceof CodedError && error.code === "REVIEW_INVALID") return 400;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 ? status : 500;
}

/** A decision for every review that can be answered at all: what fails on the way is a denial, never an HTTP error. */
async function answer(review: Review, deps: Deps): Promise<AdmissionReview> {
  const { uid } = review;
  if (review.operation !== "CREATE" || review.resource !== "/pods") return allow(uid, [], []);
  const startedAt = performance.now();
  const outcome = await decided(review, deps);
  const operations = outcome.kind === "inject" ? patchBetween(outcome.before, outcome.after) : [];
  logDecision(review, outcome, performance.now() - startedAt, deps.log);
  const audit = auditAnnotations(outcome);
  return outcome.kind === "deny"
    ? deny(uid, outcome.findings, audit)
    : allow(uid, operations, outcome.findings, audit);
}

async function decided(review: Review, { config, cluster, newToken, log }: Deps): Promise<Outcome> {
  try {
    const facts = await cluster.facts(review.namespace, serviceAccountIn(review.object));
    return admit(review.object, facts, config, newToken, review.username);
  } catch (error) {
    log.error({ err: error, uid: review.uid }, "no decision");
    // Of the facts: the API server out of reach, or a grant among them that nobody can read.
    const found =
      error instanceof CodedError
        ? finding("FACTS_UNAVAILABLE", error.message, error.remedy ?? "Try again.")
        : finding(
            "INTERNAL",
            "podrole failed to decide about this pod.",
            "Look for the uid of this request in its log.",
          );
    return { kind: "deny", findings: [found] };
  }
}

const auditAnnotations = (outcome: Outcome): Readonly<Record<string, string>> => ({
  decision: outcome.kind,
  ...(outcome.kind === "skip" ? { reason: outcome.reason } : {}),
  ...(outcome.kind === "inject" && outcome.sidecar
    ? { role: outcome.sidecar.role, rule: outcome.sidecar.rule }
    : {}),
  ...(outcome.findings.length > 0
    ? { findings: [...new Set(outcome.findings.map(({ code }) => code))].join(",") }
    : {}),
});

/** Names and codes only: messages may repeat what a manifest holds, and a manifest may hold a secret. */
function logDecision(review: Review, outcome: Outcome, ms: number, log: Log): void {
  const pod = outcome.kind === "inject" ? nameOf(outcome.before).slice(0, 253) : nameIn(review.object);
  const fields = {
    uid: review.uid,
    namespace: review.namespace,
    pod,
    ...auditAnnotations(outcome),
    ms: Math.round(ms * 1000) / 1000,
  };
  log.info(review.dryRun ? { ...fields, dryRun: true } : fields, "decided");
}

function nameIn(object: unknown): string {
  const metadata = isRecord(object) ? own(object, "metadata") : undefined;
  const name = isRecord(metadata) ? (own(metadata, "name") ?? own(metadata, "generateName")) : undefined;
  return typeof name === "string" ? name.slice(0, 253) : "(unnamed)";
}
