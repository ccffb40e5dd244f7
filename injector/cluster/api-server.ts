import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { systemCode, messageOf } from "../../sidecar/kit/errors.ts";
import { isRecord, own, type Fields } from "../model/read.ts";
import type { ApiAccess } from "./access.ts";
import { AnswerTooLong, readText } from "./body.ts";

/**
 * The API server answered, but not with 200 (POST and PATCH: or 201; DELETE: or 202). The message is `HTTP <status>`; `said` is its own
 * sentence.
 */
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

/** What admission says of an object that is not stored. */
export interface DryRunAnswer {
  readonly status: number;
  /** As it would be stored; undefined where it is refused. */
  readonly object?: Fields;
  /** The whole sentence of a refusal; else empty. */
  readonly said: string;
  /** Of admission webhooks and of the API server itself. */
  readonly warnings: readonly string[];
}

/**
 * Requests to the API server: the reads that facts are made of; the controller's writes of grants' status, settings, certificates
 * and NetworkPolicies; and the command line's dry runs of pods and short-lived Jobs.
 */
export interface ApiServer {
  /**
   * One GET, its body parsed.
   * @param ms for the whole of it, connecting included
   * @param accept another form of the answer, such as {@link METADATA_ONLY}
   * @param maxBytes for an answer whose size others choose
   * @throws Refusal, AnswerTooLong, or Error where there was no answer
   */
  get(path: string, ms: number, signal: AbortSignal, accept?: string, maxBytes?: number): Promise<unknown>;
  /**
   * One GET of what is no JSON, such as what a pod answers through the API server. The body as it is.
   * @throws as `get`
   */
  text(path: string, ms: number, signal: AbortSignal, maxBytes: number): Promise<string>;
  /**
   * A GET with an answer that goes on. Resolves to its lines once it has begun. The lines end when the answer ends, breaks
   * off, or brings nothing for `silenceMs`: the caller asks again in each of these cases.
   * @throws Refusal, or Error where there was no answer
   */
  lines(path: string, silenceMs: number, signal: AbortSignal): Promise<AsyncIterable<string>>;
  /**
   * One POST of an object. The object that comes back is not read.
   * @param ms as for `get`
   * @throws as `get`
   */
  post(path: string, object: object, ms: number, signal: AbortSignal): Promise<void>;
  /** As `post`; resolves to the object that came back. */
  create(path: string, object: object, ms: number, signal: AbortSignal): Promise<unknown>;
  /**
   * One POST of an object that is not to be stored. A refusal is an answer, too: it has the whole of what admission says.
   * @throws Error where there was no answer
   */
  dryRun(path: string, object: object, ms: number, signal: AbortSignal): Promise<DryRunAnswer>;
  /** One PUT. The API server refuses it with 409 when the object has changed since it was read. */
  put(path: string, object: object, ms: number, signal: AbortSignal): Promise<void>;
  /** One PATCH: an array is a JSON patch (RFC 6902), an object a JSON merge patch (RFC 7386). Otherwise as `post`. */
  patch(path: string, changes: object, ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Creates the object at this path, or adds these fields to it: a server-side apply without force. The API server refuses it with
   * 409 if another writer has set one of the fields to another value. Unlike a POST it has the name in its path, so RBAC can hold
   * it to one name.
   */
  apply(path: string, object: object, ms: number, signal: AbortSignal): Promise<void>;
  /**
   * One DELETE. The API server refuses it with 409 if the object is another one, or has changed, where `as` says which is meant. What
   * waits for a finalizer counts as deleted.
   */
  remove(path: string, as: Removal, ms: number, signal: AbortSignal): Promise<void>;
  /** Closes idle connections. */
  close(): void;
}

/** Which object is meant, as it was read, and what becomes of those that it owns. */
export interface Removal {
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Absent: as is usual for the kind. A Job leaves its pods behind. */
  readonly propagationPolicy?: "Background";
}

const JSON_TYPE = "application/json";
const MERGE_PATCH = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
/** YAML by name, and JSON is YAML. */
const APPLY_PATCH = "application/apply-patch+yaml";
const FIELD_MANAGER = "podrole";
/** Asks for a list of metadata alone: the specs are most of a list of pods. */
export const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: string;
  /** Of the body. */
  readonly type?: string;
  readonly accept?: string;
  /** Whether the answer may be compressed. The API server compresses what is over 128 KiB, and no watch. */
  readonly gzip?: boolean;
  /** Whether every status is an answer. */
  readonly takesRefusals?: boolean;
}

const READ: Sent = { method: "GET" };

/** Idle connections are closed after this time, before the API server closes them and a request is lost with one. */
const IDLE_MS = 10_000;
/** Of a refusal. By `pods/proxy`, any pod may write one. */
const REFUSAL_BYTES_MAX = 256 * 1024;

/** Nothing of one that is longer than a sentence can be: its status is known all the same. */
async function refusalText(response: IncomingMessage): Promise<string> {
  try {
    return await readText(response, REFUSAL_BYTES_MAX);
  } catch (error) {
    if (error instanceof AnswerTooLong) return "";
    throw error;
  }
}

/** Characters of a refusal's sentence that are shown. */
const SAID_MAX = 300;
/** The same of a dry run's: podrole's denials have up to 4,000, and more than one webhook may speak. */
const DRY_RUN_SAID_MAX = 10_000;

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
    { method, body, type, accept = JSON_TYPE, gzip = false, takesRefusals = false }: Sent = READ,
  ): Promise<IncomingMessage> => {
    const headers = {
      accept,
      "user-agent": "podrole-injector",
      ...(gzip ? { "accept-encoding": "gzip" } : {}),
      ...(type ? { "content-type": type } : {}),
      // Node adds it by itself, except to a DELETE, whose body would be taken for the next request.
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    };
    const options: RequestOptions & { headers: OutgoingHttpHeaders } = { method, headers, signal };
    await access.applyToHTTPSOptions(options);
    // client-node's agent is needed for a proxy only. It keeps the CA that it was made with, also when the file changes.
    if (cluster?.proxyUrl === undefined) options.agent = agent;
    signal.throwIfAborted();
    const request = send(base + path, { ...options, timeout: silenceMs });
    const response = await answer(request, silenceMs, body);
    const { statusCode = 0 } = response;
    if (statusCode === 200 || statusCode === ALSO_DONE[method] || takesRefusals) return response;
    throw new Refusal(statusCode, sentenceIn(await refusalText(response)));
  };

  /** The whole answer, or none. */
  const within = async <T>(
    ms: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const late = AbortSignal.timeout(ms);
    try {
      return await work(AbortSignal.any([signal, late]));
    } catch (error) {
      throw late.aborted ? new Error(`no answer within ${ms} ms`, { cause: error }) : error;
    }
  };
  const once = (
    path: string,
    ms: number,
    signal: AbortSignal,
    sent?: Sent,
    maxBytes?: number,
  ): Promise<string> =>
    within(ms, signal, async (limited) => readText(await open(path, ms, limited, sent), maxBytes));

  return {
    get: async (path, ms, signal, accept = JSON_TYPE, maxBytes) =>
      JSON.parse(await once(path, ms, signal, { ...READ, accept, gzip: true }, maxBytes)) as unknown,
    text: (path, ms, signal, maxBytes) => once(path, ms, signal, { ...READ, accept: "*/*" }, maxBytes),
    post: async (path, object, ms, signal) => {
      await once(path, ms, signal, { method: "POST", body: JSON.stringify(object), type: JSON_TYPE });
    },
    create: async (path, object, ms, signal) =>
      JSON.parse(
        await once(path, ms, signal, { method: "POST", body: JSON.stringify(object), type: JSON_TYPE }),
      ) as unknown,
    dryRun: (path, object, ms, signal) =>
      within(ms, signal, async (limited) => {
        const sent = { method: "POST", type: JSON_TYPE, takesRefusals: true } as const;
        const response = await open(`${path}?dryRun=All`, ms, limited, {
          ...sent,
          body: JSON.stringify(object),
        });
        const { statusCode: status = 0 } = response;
        const text = await readText(response);
        const warnings = warningsIn(response.headersDistinct["warning"]);
        if (status >= 300) return { status, said: sentenceIn(text, DRY_RUN_SAID_MAX), warnings };
        const made: unknown = JSON.parse(text);
        if (!isRecord(made)) throw new Error("the answer is no object");
        return { status, object: made, said: "", warnings };
      }),
    put: async (path, object, ms, signal) => {
      await once(path, ms, signal, { method: "PUT", body: JSON.stringify(object), type: JSON_TYPE });
    },
    patch: async (path, changes, ms, signal) => {
      const type = Array.isArray(changes) ? JSON_PATCH : MERGE_PATCH;
      await once(path, ms, signal, { method: "PATCH", body: JSON.stringify(changes), type });
    },
    apply: async (path, object, ms, signal) => {
      const body = JSON.stringify(object);
      await once(`${path}?fieldManager=${FIELD_MANAGER}`, ms, signal, {
        method: "PATCH",
        body,
        type: APPLY_PATCH,
      });
    },
    remove: async (path, { uid, resourceVersion, propagationPolicy }, ms, signal) => {
      const preconditions = { uid, resourceVersion };
      // Beside a body, the API server ignores the parameters of the path.
      const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions, propagationPolicy };
      const body = JSON.stringify(options);
      await once(path, ms, signal, { method: "DELETE", body, type: JSON_TYPE });
    },
    lines: async (path, silenceMs, signal) => linesOf(await open(path, silenceMs, signal)),
    close: () => agent.destroy(),
  };
}

const ALSO_DONE: Readonly<Partial<Record<Sent["method"], number>>> = { POST: 201, PATCH: 201, DELETE: 202 };

/** Resolves when the headers have come. The time-out is the socket's: it starts again with every byte, also of the body. */
function answer(
  request: ReturnType<typeof httpRequest>,
  silenceMs: number,
  body?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    request
      // It stays after the response too: an error without a listener ends the process.
      .on("error", reject)
      .once("response", (begun: IncomingMessage) => resolve((response = begun)))
      // After the response, request.destroy() would drop what was received and report a reset.
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
    // The connection broke. The next watch goes on after the last whole line, so the line that was cut comes again.
  }
}

/** The message of a meta/v1 Status. Empty for other bodies: one may be the whole page of a proxy. */
function sentenceIn(body: string, max = SAID_MAX): string {
  try {
    const status: unknown = JSON.parse(body);
    const message = isRecord(status) ? own(status, "message") : undefined;
    return typeof message === "string" ? message.slice(0, max) : "";
  } catch {
    return "";
  }
}

/** The texts of `299 - "text"` (RFC 7234), in which quotes and backslashes are escaped. */
const warningsIn = (headers: readonly string[] = []): readonly string[] =>
  headers.flatMap((header) => {
    const text = /^299 \S+ "(?<text>.*)"$/s.exec(header)?.groups?.["text"];
    return text === undefined ? [] : [text.replaceAll(/\\(.)/g, "$1")];
  });

/** Why a request failed. When no address of a host answers, Node's error has a code and no message. */
export const whyOf = (error: unknown): string => messageOf(error) || (systemCode(error) ?? "unknown error");
