import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import { onTestFinished } from "vitest";

/** An answer that the test sets instead of an answer from the objects. */
type Answer = "hang" | "reset" | number | object | AnswerTo;
/** An answer that depends on what was sent, such as to a review. */
type AnswerTo = (object: FakeObject) => object;

export interface FakeApiServer {
  readonly config: KubeConfig;
  /** `GET <path>`, `LIST <path>`, `WATCH <path> <resourceVersion>`, `POST <path>` and `DELETE <path>`, in the order of arrival. */
  readonly requests: string[];
  /** Puts or removes an object and notifies the watches. */
  put(path: string, object: FakeObject): void;
  remove(path: string, key: string): void;
  /** Puts or removes an object without notifying the watches. */
  readonly unseen: Pick<FakeApiServer, "put" | "remove">;
  /** Requests with this beginning get this answer until it is changed. undefined restores the usual answer. */
  answer(request: string, answer: Answer | undefined): void;
  /** Called with each object that a POST has stored, and its path, before the answer. */
  onCreate(react: (path: string, object: FakeObject) => void): void;
  /** The objects at a path. */
  stored(path: string): readonly FakeObject[];
  /** Writes a line to every watch of a path. */
  say(path: string, line: string): void;
  /** Ends every watch of a path, either properly or by breaking the connection. */
  end(path: string, how: "end" | "reset"): void;
  watches(path: string): number;
  /** The field selectors of lists and watches of a path. */
  queries(path: string): ReadonlySet<string>;
  /** Stops listening. `start()` listens again on the same port with the same objects. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface FakeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

const PAGE_MAX = 500;

/** The part of an API server that podrole needs: lists in pages, watches with versions, writes of the command line, and failures. */
export async function fakeApiServer(): Promise<FakeApiServer> {
  // Every API server has this kind.
  const kinds = new Map<string, Map<string, FakeObject>>([["/api/v1/limitranges", new Map()]]);
  const answers = new Map<string, Answer>();
  const watchers = new Map<string, Set<ServerResponse>>();
  const requests: string[] = [];
  const reactions: ((path: string, object: FakeObject) => void)[] = [];
  const selectors = new Map<string, Set<string>>();
  let version = 100;
  let port = 0;

  // On a busy machine, a connection could otherwise time out between two requests of a client.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    void handle(request, response);
  });
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", "http://localhost");
    const { pathname, searchParams: query } = url;
    const watching = query.get("watch") === "true";
    const { method = "GET" } = request;
    const verb = watching ? "WATCH" : query.has("limit") ? "LIST" : method;
    const line = watching ? `${verb} ${pathname} ${query.get("resourceVersion")}` : `${verb} ${pathname}`;
    requests.push(line);
    if (verb === "LIST" || verb === "WATCH")
      selectors.set(pathname, (selectors.get(pathname) ?? new Set()).add(query.get("fieldSelector") ?? ""));
    const planned = [...answers].find(([start]) => line.startsWith(start))?.[1];
    if (typeof planned === "function")
      return reply(response, (planned as AnswerTo)(JSON.parse(await text(request)) as FakeObject));
    if (planned !== undefined) return reply(response, planned);
    // Nothing of a dry run is stored, and no webhook is called.
    if (verb === "POST" && !query.has("dryRun")) {
      const object = JSON.parse(await text(request)) as FakeObject;
      say(pathname, put(pathname, object));
      for (const react of reactions) react(pathname, object);
      return reply(response, object);
    }
    if (verb === "DELETE") return reply(response, deleted(pathname) ? {} : 404);
    const objects = kinds.get(pathname);
    if (watching && objects) {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      const open = watchers.get(pathname) ?? new Set();
      watchers.set(pathname, open.add(response));
      return void response.once("close", () => open.delete(response));
    }
    if (verb === "LIST" && objects) {
      const limit = Math.min(PAGE_MAX, Number(query.get("limit")));
      const from = Number(query.get("continue") ?? 0);
      const more = from + limit < objects.size ? { continue: String(from + limit) } : {};
      const items = [...objects.values()].slice(from, from + limit);
      return reply(response, { metadata: { resourceVersion: String(version), ...more }, items });
    }
    const [, listed = "", key = ""] = /^(.*)\/([^/]+)$/.exec(pathname) ?? [];
    const inNamespace = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts$/.exec(listed)?.[1];
    const found = inNamespace
      ? kinds.get("/api/v1/serviceaccounts")?.get(`${inNamespace}/${key}`)
      : kinds.get(listed)?.get(key);
    return reply(response, found ?? 404);
  };

  const write = (path: string, object: FakeObject, type: "ADDED" | "MODIFIED" | "DELETED"): string => {
    version += 1;
    const stamped = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const objects = kinds.get(path) ?? new Map<string, FakeObject>();
    kinds.set(path, objects);
    if (type === "DELETED") objects.delete(keyOf(object));
    else objects.set(keyOf(object), stamped);
    return JSON.stringify({ type, object: stamped });
  };
  const remove = (path: string, key: string): string => {
    const object = kinds.get(path)?.get(key);
    if (object === undefined) throw new Error(`there is no ${key} at ${path}`);
    return write(path, object, "DELETED");
  };
  const deleted = (path: string): boolean => {
    const [, listed = "", name = ""] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    const [key] = [...(kinds.get(listed) ?? [])].find(([, { metadata }]) => metadata.name === name) ?? [];
    if (key === undefined) return false;
    say(listed, remove(listed, key));
    return true;
  };
  const say = (path: string, line: string): void => {
    for (const response of watchers.get(path) ?? []) response.write(`${line}\n`);
  };
  const put = (path: string, object: FakeObject): string =>
    write(path, object, kinds.get(path)?.has(keyOf(object)) === true ? "MODIFIED" : "ADDED");
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  const start = async (): Promise<void> => {
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  };

  await start();
  onTestFinished(stop);
  for (const path of ["/api/v1/namespaces", "/api/v1/serviceaccounts"]) kinds.set(path, new Map());
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "test" },
  );
  return {
    config,
    requests,
    put: (path, object) => say(path, put(path, object)),
    remove: (path, key) => say(path, remove(path, key)),
    unseen: { put: (path, object) => void put(path, object), remove: (path, key) => void remove(path, key) },
    answer: (request, planned) =>
      void (planned === undefined ? answers.delete(request) : answers.set(request, planned)),
    onCreate: (react) => void reactions.push(react),
    stored: (path) => [...(kinds.get(path) ?? new Map<string, FakeObject>()).values()],
    say,
    end: (path, how) => {
      for (const response of watchers.get(path) ?? [])
        if (how === "end") response.end();
        else response.destroy();
    },
    queries: (path) => selectors.get(path) ?? new Set(),
    watches: (path) => watchers.get(path)?.size ?? 0,
    stop,
    start,
  };
}

const keyOf = ({ metadata: { name, namespace } }: FakeObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === "hang") return;
  if (answer === "reset") return void response.destroy();
  const status = typeof answer === "number" ? answer : statusOf(answer);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(
    JSON.stringify(
      typeof answer === "number"
        ? { kind: "Status", status: "Failure", code: answer, message: `said with ${answer}` }
        : answer,
    ),
  );
}

/** A failure in words of the test's own is a Status with a code. */
const statusOf = (answer: object): number =>
  "kind" in answer && answer.kind === "Status" && "code" in answer ? Number(answer.code) : 200;
