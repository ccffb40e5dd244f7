import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { coded, CodedError } from "../../sidecar/kit/errors.ts";
import { parseReview } from "../review/admission-review.ts";
import type { Trouble } from "../model/trouble.ts";
import { answer, answerTooHeavy, type AnswerDeps } from "./answer.ts";
import { bodyLimits, readBodies, type BodyLimits } from "./bodies.ts";
import { admitKnownClients } from "./known-clients.ts";
import { listener, type Limits, type ListenerTls } from "../http/listener.ts";

export interface Deps extends AnswerDeps {
  /** Also Fastify's own. */
  readonly log: FastifyBaseLogger;
  /** The text of `GET /metrics`; absent: it answers 404. */
  readonly metrics?: () => Promise<string>;
  /** Whether the cluster has been read; absent: always. */
  readonly ready?: () => boolean;
  /** What else keeps the server from being ready, such as the certificate; absent: nothing. */
  readonly trouble?: () => Trouble | undefined;
  /** A problem of a server that is ready, such as refused settings; absent: none. */
  readonly detail?: () => Trouble | undefined;
  /**
   * Whether clients should use another replica: then every answer closes its connection, and idle ones are closed. Absent:
   * never.
   */
  readonly draining?: () => boolean;
  /** Absent: plain HTTP, for tests that call `inject()`. */
  readonly tls?: ListenerTls;
  /** Other limits than the usual, for tests. */
  readonly limits?: Limits;
  /** Absent: those of the chart's memory limit. */
  readonly bodies?: BodyLimits;
  /** Called for each connection that was closed because there are too many. */
  readonly refused?: () => void;
  /** Called for each review that was refused because its client showed no certificate by the client CA. */
  readonly refusedClient?: () => void;
}

/** The webhook server. `listen()` is the caller's; tests call `inject()`. */
export function buildServer(deps: Deps): FastifyInstance {
  const { tls, bodies = bodyLimits() } = deps;
  const { log } = deps;
  const app = Fastify({
    loggerInstance: log,
    serverFactory: (handler) => listener(handler, tls, deps.limits, deps.refused, deps.draining),
    // One line for each decision, written below, says more than two lines for each request.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodies.maxBytes,
    // While draining we go on answering: a 503 is a failure of the webhook for the API server.
    return503OnClosing: false,
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const { code, message } = coded(error, "REQUEST_INVALID");
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error }, "request failed");
    return reply.status(status).send({ code, message });
  });
  app.setNotFoundHandler(notFound);
  app.addHook("onRequest", async (_request, reply) => {
    if (deps.draining?.() ?? false) reply.header("connection", "close");
  });
  // Before the body is read. Otherwise clients without a certificate could keep reviews waiting with theirs.
  app.addHook("onRequest", async (request, reply) => (request.is404 ? notFound(request, reply) : undefined));
  if (tls?.clientCa !== undefined) admitKnownClients(app, deps.refusedClient ?? (() => {}));
  const read = readBodies(app, bodies);
  app.post("/mutate", (request, reply) =>
    read(request, reply, (body) =>
      "json" in body ? answer(parseReview(body.json), deps) : answerTooHeavy(body.tooHeavy, deps),
    ),
  );
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

const notFound = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
  reply.status(404).send({
    code: "NOT_FOUND",
    message: "There is only POST /mutate, GET /livez, GET /readyz and GET /metrics.",
  });

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
  if (error instanceof CodedError && error.code === "REVIEW_TOO_HEAVY") return 413;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 ? status : 500;
}
