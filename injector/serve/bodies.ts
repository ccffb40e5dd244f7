import type { ServerResponse } from "node:http";
import { setImmediate as nextLoop } from "node:timers/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { turns, type Turn } from "../http/turns.ts";
import { weigh } from "./weight.ts";

/** How much of the server's memory request bodies may take, in bytes. */
export interface BodyLimits {
  /** The longest body. */
  readonly maxBytes: number;
  /** Bodies up to this size are read on any number of connections. Most reviews of a pod are shorter. */
  readonly smallBytes: number;
  /** For all longer bodies that are being read or wait to be parsed. */
  readonly reading: number;
  /** A review up to this weight takes so little time that it need not come alone. Most reviews of a pod weigh less. */
  readonly quickWeight: number;
  /** A review up to this weight is light: it never waits for heavy ones. */
  readonly lightWeight: number;
  /** For all light reviews that are parsed and not yet answered. */
  readonly light: number;
  /** The same for heavy ones, and so the most for one review. */
  readonly heavy: number;
}

const MIB = 1024 * 1024;

/** The memory limit of the chart's values. */
const USUAL_MEMORY = 320 * MIB;

/**
 * Limits for a process that may have so much memory; `undefined` for the chart's own limit. The rest of the memory is for
 * what the cluster's facts, connections and garbage take.
 */
export function bodyLimits(memory: number = USUAL_MEMORY): BodyLimits {
  const share = memory / USUAL_MEMORY;
  return {
    // A review holds objects of up to 3 MiB, two of them on UPDATE; Fastify's own limit of 1 MiB would refuse it.
    maxBytes: 8 * MIB,
    smallBytes: 32 * 1024,
    reading: Math.max(8 * MIB, 16 * MIB * share),
    quickWeight: MIB / 8,
    lightWeight: MIB,
    light: 16 * MIB * share,
    heavy: 72 * MIB * share,
  };
}

/** A review that was not parsed, because it alone would take too much memory. */
export interface TooHeavy {
  /** Its first characters, in which an API server says which review it is. */
  readonly beginning: string;
  /** A clause: what is too much about it. */
  readonly why: string;
}

/** What a body is: its JSON, or too heavy to be parsed. */
export type Body = { readonly json: unknown } | { readonly tooHeavy: TooHeavy };

const BEGINNING = 1024;

/**
 * Reads JSON bodies, and keeps a flood of them from taking all memory. Parsed, JSON can take 39 times its length, so each
 * body is weighed before. It waits until others have given back what it needs, and it is {@link TooHeavy} where that
 * could never be. Nothing else is refused: for an API server, that would be a failure of the webhook.
 * @returns a function that parses the body of a request when its turn has come, and passes it on
 */
export function readBodies(
  app: FastifyInstance,
  limits: BodyLimits,
): <T>(request: FastifyRequest, reply: FastifyReply, use: (body: Body) => T | Promise<T>) => Promise<T> {
  const [reading, light, heavy] = [turns(limits.reading), turns(limits.light), turns(limits.heavy)];
  const readings = new WeakMap<FastifyRequest, Turn>();
  const comeAlone = oneInALoop();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  app.addHook("onRequest", async (request, { raw }) => {
    const bytes = Math.min(bytesOf(request), limits.maxBytes);
    if (bytes <= limits.smallBytes) return;
    const turn = reading.ask(addressOf(request), bytes);
    readings.set(request, turn);
    whenClosed(raw, turn.end);
    await turn.come;
  });

  return async (request, { raw }, use) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    // The request would keep it until the answer.
    request.body = undefined;
    if (body.length > limits.smallBytes) await comeAlone();
    const weight = weigh(body);
    if (weight > limits.heavy) return use({ tooHeavy: tooHeavy(body, weight, limits) });
    const turn = (weight <= limits.lightWeight ? light : heavy).ask(addressOf(request), weight);
    let inUse = false;
    // Later: the log and the metrics still have the review.
    const end = (): void => void setImmediate(turn.end);
    whenClosed(raw, () => inUse || end());
    await turn.come;
    // From here on it counts with its weight.
    readings.get(request)?.end();
    inUse = true;
    try {
      if (weight > limits.quickWeight) await comeAlone();
      return await use({ json: parseJson(body) });
    } finally {
      inUse = false;
      // The client did not wait for the answer.
      if (raw.closed) end();
    }
  };
}

/**
 * Lets its callers come one after the other, each in a round of the event loop of its own. A round goes through all
 * connections, so what takes long does not keep them waiting longer than one of its kind does.
 */
function oneInALoop(): () => Promise<void> {
  let last = Promise.resolve();
  return () => (last = last.then(() => nextLoop()));
}

/** The client may be gone already; then there is no second event. */
function whenClosed(raw: ServerResponse, then: () => void): void {
  if (raw.closed) then();
  else raw.once("close", then);
}

const addressOf = ({ raw }: FastifyRequest): string => raw.socket.remoteAddress ?? "";

/** Of a body without a stated length nothing is read: see one-at-a-time.ts. */
const bytesOf = ({ headers }: FastifyRequest): number => Number(headers["content-length"] ?? 0);

function tooHeavy(body: Buffer, weight: number, { heavy }: BodyLimits): TooHeavy {
  const mib = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;
  const why =
    weight === Infinity
      ? "is nested too deeply"
      : `could take ${mib(weight)} of the injector's memory, and one review may take ${mib(heavy)}`;
  return { beginning: body.toString("latin1", 0, BEGINNING), why };
}

/** Keys named `__proto__` stay: if they were refused, a pod's author could make the webhook fail. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // Without the parser's words, which quote the body.
    throw new CodedError("REVIEW_INVALID", "The body is not JSON.");
  }
}
