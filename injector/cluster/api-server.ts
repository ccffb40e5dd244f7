import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { systemCode } from "../../sidecar/kit/errors.ts";
import { isRecord, own } from "../model/read.ts";
import type { ApiAccess } from "./access.ts";
import { readText } from "./body.ts";

/** An answer of the API server's other than 200 (201 of a POST). The message is `HTTP <status>`; what it said itself is `said`. */
export class Refusal extends Error {
  readonly status: number;
  readonly said: string;

  constructor(status: number, said: string) {
    super(`HTTP ${status}`);
    this.name = "Refusal";
    this.status = status;
    this.said = said;
  }
}

/**
 * Requests to the API server: the reads that facts are made of; the controller's writes of grants' status, settings and
 * certificates; and dry runs of pods.
 */
export interface ApiServer {
  /**
   * One GET, its body parsed.
   * @param ms for the whole of it, connecting included
   * @param accept another form of the answer, such as {@link METADATA_ONLY}
   * @throws Refusal, or Error where there was no answer
   */
  get(path: string, ms: number, signal: AbortSignal, accept?: string): Promise<unknown>;
  /**
   * A GET whose answer goes on: resolves once it has begun, to its lines. They end when the answer ends, breaks off, or
   * brings nothing for `silenceMs`: to whoever follows, a stream that is over is to be taken up again, whatever ended it.
   * @throws Refusal, or Error where there was no answer
   */
  lines(path: string, silenceMs: number, signal: AbortSignal): Promise<AsyncIterable<string>>;
  /**
   * One POST of an object; what the API server made of it is not looked at.
   * @param ms as for `get`
   * @throws as `get`
   */
  post(path: string, object: object, ms: number, signal: AbortSignal): Promise<void>;
  /** As `post`, for whoever looks at what was made of it: its body parsed. */
  create(path: string, object: object, ms: number, signal: AbortSignal): Promise<unknown>;
  /** One PUT, which the API server refuses with 409 where the object is no longer the one that was read. */
  put(path: string, object: object, ms: number, signal: AbortSignal): Promise<void>;
  /** One PATCH: an array is a JSON patch (RFC 6902), an object a JSON merge patch (RFC 7386). Otherwise as `post`. */
  patch(path: string, changes: object, ms: number, signal: AbortSignal): Promise<void>;
  /** Lets go of idle connections. */
  close(): void;
}

const JSON_TYPE = "application/json";
const MERGE_PATCH = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
/** A list of objects without their specs, which are most of what pods are. */
export const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly body?: string;
  /** Of the body. */
  readonly type?: string;
  readonly accept?: string;
  /** Whether the answer may be compressed. The API server compresses what is over 128 KiB, and no watch. */
  readonly gzip?: boolean;
}

const READ: Sent = { method: "GET" };

/** A connection unused for longer is closed by us: the API server's side would do so later, and take a request along. */
const IDLE_MS = 10_000;
/** What is shown of a refusal's own words. */
const SAID_MAX = 300;

/**
 * Requests over HTTP, each authenticated anew by `access`.
 *
 * Not client-node's own clients: they open a connection, TLS handshake included, for each request, make class instances
 * of objects of which three fields are kept, and put all headers into the message of an error.
 */
export function apiServer(access: ApiAccess): ApiServer {
  const cluster = access.getCurrentCluster();
  const base = cluster?.server.replace(/\/$/, "") ?? "";
  const [send, agent] = base.startsWith("http:")
    ? ([httpRequest, new HttpAgent({ keepAlive: true, timeout: IDLE_MS })] as const)
    : ([httpsRequest, new HttpsAgent({ keepAlive: true, timeout: IDLE_MS })] as const);

  const open = async (
    path: string,
    silenceMs: number,
    signal: AbortSignal,
    { method, body, type, accept = JSON_TYPE, gzip = false }: Sent = READ,
  ): Promise<IncomingMessage> => {
    const headers = {
      accept,
      "user-agent": "podrole-injector",
      ...(gzip ? { "accept-encoding": "gzip" } : {}),
      ...(type ? { "content-type": type } : {}),
    };
    const options: RequestOptions & { headers: OutgoingHttpHeaders } = { method, headers, signal };
    await access.applyToHTTPSOptions(options);
    // Theirs is needed for a proxy only; otherwise it would go on with the CA of its first day.
    if (cluster?.proxyUrl === undefined) options.agent = agent;
    signal.throwIfAborted();
    const request = send(base + path, { ...options, timeout: silenceMs });
    const response = await answer(request, silenceMs, body);
    if (response.statusCode === 200 || (method === "POST" && response.statusCode === 201)) return response;
    throw new Refusal(response.statusCode ?? 0, sentenceIn(await readText(response)));
  };

  /** The whole answer, or none. */
  const once = async (path: string, ms: number, signal: AbortSignal, sent?: Sent): Promise<string> => {
    const late = AbortSignal.timeout(ms);
    try {
      return await readText(await open(path, ms, AbortSignal.any([signal, late]), sent));
    } catch (error) {
      throw late.aborted ? new Error(`no answer within ${ms} ms`, { cause: error }) : error;
    }
  };

  return {
    get: async (path, ms, signal, accept = JSON_TYPE) =>
      JSON.parse(await once(path, ms, signal, { ...READ, accept, gzip: true })) as unknown,
    post: async (path, object, ms, signal) => {
      await once(path, ms, signal, { method: "POST", body: JSON.stringify(object), type: JSON_TYPE });
    },
    create: async (path, object, ms, signal) =>
      JSON.parse(
        await once(path, ms, signal, { method: "POST", body: JSON.stringify(object), type: JSON_TYPE }),
      ) as unknown,
    put: async (path, object, ms, signal) => {
      await once(path, ms, signal, { method: "PUT", body: JSON.stringify(object), type: JSON_TYPE });
    },
    patch: async (path, changes, ms, signal) => {
      const type = Array.isArray(changes) ? JSON_PATCH : MERGE_PATCH;
      await once(path, ms, signal, { method: "PATCH", body: JSON.stringify(changes), type });
    },
    lines: async (path, silenceMs, signal) => linesOf(await open(path, silenceMs, signal)),
    close: () => agent.destroy(),
  };
}

/** The response once its headers are here. The time-out is the socket's: it starts over with every byte, body included. */
function answer(
  request: ReturnType<typeof httpRequest>,
  silenceMs: number,
  body?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    request
      // Also after the response: an error that nobody listens for ends the process.
      .on("error", reject)
      .once("response", (begun: IncomingMessage) => resolve((response = begun)))
      // Not request.destroy() then: it would drop what the response still holds, and call it a reset.
      .once("timeout", () => (response ?? request).destroy(new Error(`silent for ${silenceMs} ms`)))
      .once("socket", (socket) => socket.setKeepAlive(true, IDLE_MS))
      .end(body);
  });
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      const [first = "", ...parts] = String(chunk).split("\n");
      rest += first;
      for (const part of parts) {
        yield rest;
        rest = part;
      }
    }
  } catch {
    // Broken off. The line that was cut is sent again to whoever goes on from the last whole one.
  }
}

/** The sentence of a meta/v1 Status; nothing of other bodies, which may be a proxy's whole page. */
function sentenceIn(body: string): string {
  try {
    const status: unknown = JSON.parse(body);
    const message = isRecord(status) ? own(status, "message") : undefined;
    return typeof message === "string" ? message.slice(0, SAID_MAX) : "";
  } catch {
    return "";
  }
}

/** Why a request failed, in words. Node tries all addresses of a host, and has none when no address answers. */
export const whyOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)) || (systemCode(error) ?? "unknown error");
