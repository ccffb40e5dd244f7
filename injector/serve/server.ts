import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { coded, CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import { allow, deny, parseReview, type AdmissionReview, type Review } from "../review/admission-review.ts";
import { BODY_LIMITS, limitBodies } from "./bodies.ts";
import type { Cluster } from "../model/facts.ts";
import type { Trouble } from "../model/trouble.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { type Finding, finding } from "../model/findings.ts";
import { listener, type Limits, type ListenerTls } from "./listener.ts";
import {
  concerns,
  type Fresh,
  resultForReview,
  nameInReview,
  serviceAccountOfReview,
} from "../review/review.ts";
import type { AnsweredReview, AdmissionResult } from "../review/admission-result.ts";

export interface Deps {
  /** The settings in force. An error becomes a denial. */
  readonly config: () => InjectorConfig;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly fresh: Fresh;
  /** Called with every decision after its answer was sent. An error is logged. */
  readonly observe?: (answered: AnsweredReview) => void;
  /** The text of `GET /metrics`; absent: it answers 404. */
  readonly metrics?: () => Promise<string>;
  /** Whether the cluster has been read; absent: always. */
  readonly ready?: () => boolean;
  /** What else keeps the server from being ready, such as the certificate; absent: nothing. */
  readonly trouble?: () => Trouble | undefined;
  /** A problem of a server that is ready, such as refused settings; absent: none. */
  readonly detail?: () => Trouble | undefined;
  /** Whether clients should use another replica: then every answer closes its connection. Absent: never. */
  readonly draining?: () => boolean;
  /** Absent: plain HTTP, for tests that call `inject()`. */
  readonly tls?: ListenerTls;
  /** Other limits than the usual, for tests. */
  readonly limits?: Limits;
  /** Called for each connection that was closed because there are too many. */
  readonly refused?: () => void;
}

/** The webhook server. `listen()` is the caller's; tests call `inject()`. */
export function buildServer(deps: Deps): FastifyInstance {
  const { tls } = deps;
  const log: FastifyBaseLogger = deps.log;
  const app = Fastify({
    loggerInstance: log,
    serverFactory: (handler) => listener(handler, tls, deps.limits, deps.refused),
    // One line for each decision, written below, says more than two lines for each request.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMITS.maxBytes,
    // A pod's maps may contain keys of these names. If they were refused, a pod's author could make the webhook fail.
    onProtoPoisoning: "ignore",
    onConstructorPoisoning: "ignore",
    // While draining we go on answering: a 503 is a failure of the webhook for the API server.
    return503OnClosing: false,
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const { code, message } = coded(error, "REQUEST_INVALID");
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error }, "request failed");
    return reply.status(status).send({ code, message });
  });
  app.setNotFoundHandler(async (_request, reply) =>
    reply.status(404).send({
      code: "NOT_FOUND",
      message: "There is only POST /mutate, GET /livez, GET /readyz and GET /metrics.",
    }),
  );
  app.addHook("onRequest", async (_request, reply) => {
    if (deps.draining?.() ?? false) reply.header("connection", "close");
  });
  limitBodies(app, BODY_LIMITS);
  app.post("/mutate", async (request) => answer(parseReview(request.body), deps));
  app.get("/metrics", async (_request, reply) => {
    if (deps.metrics === undefined) return reply.callNotFound();
    return reply.type("text/plain; version=0.0.4").send(await deps.metrics());
  });
  app.get("/livez", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const trouble = troubleOf(deps);
    if (trouble !== undefined) return reply.status(503).send(trouble);
    const detail = deps.detail?.();
    return { status: "ok", ...(detail === undefined ? {} : { detail }) };
  });
  return app;
}

/** Why the server is not ready, or undefined. */
export function troubleOf({
  draining,
  ready,
  trouble,
}: Pick<Deps, "draining" | "ready" | "trouble">): Trouble | undefined {
  if (draining?.() ?? false) return { code: "DRAINING", message: "The server is shutting down." };
  if (!(ready?.() ?? true))
    return { code: "FACTS_UNAVAILABLE", message: "The injector has not read the cluster yet." };
  return trouble?.();
}

function statusOf(error: unknown): number {
  if (error instanceof CodedError && error.code === "REVIEW_INVALID") return 400;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 ? status : 500;
}

/** Decides about every well-formed review. A failure becomes a denial, never an HTTP error. */
async function answer(review: Review, deps: Deps): Promise<AdmissionReview> {
  if (!concerns(review)) return allow(review.uid, [], []);
  const startedAt = performance.now();
  const result = await resultOf(review, deps);
  const answered: AnsweredReview = { review, result, ms: performance.now() - startedAt };
  setImmediate(() => notifyObservers(answered, deps));
  const audit = auditAnnotations(result);
  return result.decision === "deny"
    ? deny(review.uid, result.findings, audit)
    : allow(review.uid, result.operations, result.findings, audit);
}

async function resultOf(review: Review, { config, cluster, fresh, log }: Deps): Promise<AdmissionResult> {
  try {
    const settings = config();
    const facts = await cluster.facts(review.namespace, serviceAccountOfReview(review));
    return resultForReview(review, facts, settings, fresh);
  } catch (error) {
    log.error({ err: error, uid: review.uid }, "decision failed");
    // A CodedError is about the facts: the API server cannot be reached, or a grant cannot be read.
    const found =
      error instanceof CodedError
        ? finding("FACTS_UNAVAILABLE", error.message, error.remedy ?? "Try again.")
        : finding(
            "INTERNAL",
            "podrole failed to decide about this object.",
            "Look for the uid of this request in the injector's log.",
          );
    return { decision: "deny", operations: [], findings: [found] };
  }
}

function notifyObservers(answered: AnsweredReview, { log, observe }: Deps): void {
  try {
    logDecision(answered, log);
    observe?.(answered);
  } catch (error) {
    log.error({ err: error }, "an observer failed");
  }
}

const auditAnnotations = (result: AdmissionResult): Readonly<Record<string, string>> => ({
  decision: result.decision,
  ...(result.reason === undefined ? {} : { reason: result.reason }),
  ...(result.role === undefined ? {} : { role: result.role }),
  ...(result.rule === undefined ? {} : { rule: result.rule }),
  ...(result.findings.length > 0
    ? { findings: [...new Set(result.findings.map(({ code }) => code))].join(",") }
    : {}),
  ...exemptedBy(result.findings),
});

/** The exemptions that a pod needs. They are an admin's words, so the log may have them too. */
function exemptedBy(findings: readonly Finding[]): Readonly<Record<string, string>> {
  const entries = findings.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  return entries.length === 0 ? {} : { exempted: entries.join(",") };
}

/** Logs names and codes only: messages may repeat parts of a manifest, and a manifest may contain a secret. */
function logDecision({ review, result, ms }: AnsweredReview, log: Log): void {
  const fields = {
    uid: review.uid,
    operation: review.operation,
    resource: review.resource,
    namespace: review.namespace,
    name: nameInReview(review),
    ...auditAnnotations(result),
    ms: Math.round(ms * 1000) / 1000,
  };
  log.info(review.dryRun ? { ...fields, dryRun: true } : fields, "decided");
}
