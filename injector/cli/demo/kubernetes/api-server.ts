import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json as readJson } from "node:stream/consumers";
import { isRecord, metadataOf, nameOf, type Fields } from "../../../model/read.ts";
import { closed, listen, type Place } from "../aws/listen.ts";
import type { MintedToken } from "./minted-token.ts";
import { reviewedToken } from "./token-review.ts";

export interface ApiServerStandIn {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Creates or replaces an object. @param path of its kind, in its namespace if it has one */
  readonly put: (path: string, object: Fields) => void;
  readonly remove: (path: string, name: string) => void;
  readonly addToken: (token: string, minted: MintedToken) => void;
  readonly close: () => Promise<void>;
}

const TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";

/**
 * A stand-in for the API server: TokenReview, one object by its path, lists and watches. It knows what the demo tells it,
 * and serves whoever asks. Nothing here is a security boundary.
 */
export async function apiServerStandIn(place: Place = {}): Promise<ApiServerStandIn> {
  const kinds = new Map<string, Map<string, Fields>>();
  const tokens = new Map<string, MintedToken>();
  const events: { readonly path: string; readonly version: number; readonly line: string }[] = [];
  const watches = new Map<string, Set<ServerResponse>>();

  const objectsAt = (path: string): Map<string, Fields> => entry(kinds, path, () => new Map());
  /** @returns the object as it is stored: with the version of the event */
  const tell = (path: string, type: string, object: Fields): Fields => {
    const version = events.length + 1;
    const stored = { ...object, metadata: { ...metadataOf(object), resourceVersion: String(version) } };
    const line = `${JSON.stringify({ type, object: stored })}\n`;
    events.push({ path, version, line });
    for (const response of watches.get(path) ?? []) response.write(line);
    return stored;
  };
  const watch = (path: string, after: number, response: ServerResponse): void => {
    response.writeHead(200, JSON_TYPE).flushHeaders();
    for (const one of events) if (one.path === path && one.version > after) response.write(one.line);
    const open = entry(watches, path, () => new Set<ServerResponse>());
    open.add(response);
    response.once("close", () => open.delete(response));
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    if (request.method === "POST" && pathname === TOKEN_REVIEWS) {
      const review = await readJson(request);
      return reply(response, 201, reviewedToken(isRecord(review) ? review : {}, tokens));
    }
    if (request.method !== "GET") return reply(response, 405, refusal(405, "method not allowed"));
    if (searchParams.get("watch") === "true") {
      return watch(pathname, Number(searchParams.get("resourceVersion")), response);
    }
    // Every client of the demo asks for lists in pages, and for objects without.
    if (searchParams.has("limit")) {
      const items = [...objectsAt(pathname).values()];
      return reply(response, 200, { metadata: { resourceVersion: String(events.length) }, items });
    }
    const [, path = "", name = ""] = /^(.*)\/([^/]+)$/.exec(pathname) ?? [];
    const found = kinds.get(path)?.get(name);
    return found === undefined
      ? reply(response, 404, refusal(404, `${name} not found`))
      : reply(response, 200, found);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const url = await listen(server, place);
  return {
    url,
    put: (path, object) => {
      const objects = objectsAt(path);
      const type = objects.has(nameOf(object)) ? "MODIFIED" : "ADDED";
      objects.set(nameOf(object), tell(path, type, object));
    },
    remove: (path, name) => {
      const object = kinds.get(path)?.get(name);
      if (object === undefined) return;
      kinds.get(path)?.delete(name);
      tell(path, "DELETED", object);
    },
    addToken: (token, minted) => void tokens.set(token, minted),
    close: () => closed(server),
  };
}

const JSON_TYPE = { "Content-Type": "application/json" } as const;

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, JSON_TYPE).end(JSON.stringify(body));
}

const refusal = (code: number, message: string): Fields => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  message,
});

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
