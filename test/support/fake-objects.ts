import { Refusal, type ApiServer } from "../../injector/cluster/api-server.ts";
import type { Fields } from "../../injector/model/read.ts";

interface Held extends Fields {
  metadata: { resourceVersion: string; [key: string]: unknown };
  data?: Record<string, string>;
}

/** The part of an API server that keeps some named objects: conflicts of versions, and merge patches of `data`. */
export interface FakeObjects extends Pick<ApiServer, "get" | "post" | "put" | "patch"> {
  object(name: string): Held | undefined;
  /** Writes, or with undefined deletes, as another client would. */
  set(name: string, object: object | undefined): void;
  /** Requests as `GET NAME`: thrown instead of an answer. */
  readonly failures: Map<string, Error>;
  /** Called before each request, so that a test can change something between two requests. */
  before: (request: string) => void;
  readonly requests: string[];
}

export function fakeObjects(): FakeObjects {
  let version = 1;
  const held = new Map<string, Held>();
  const nameIn = (path: string): string => path.split("/").at(-1) ?? "";
  const enter = (request: string): void => {
    api.before(request);
    api.requests.push(request);
    const failure = api.failures.get(request);
    if (failure !== undefined) throw failure;
  };
  const found = (name: string): Held => {
    const object = held.get(name);
    if (object === undefined) throw new Refusal(404, "not found");
    return structuredClone(object);
  };
  const put = (name: string, object: object): void => {
    const copy = structuredClone(object) as Held;
    copy.metadata = { ...copy.metadata, resourceVersion: String((version += 1)) };
    held.set(name, copy);
  };
  const requireVersion = (name: string, given: unknown): void => {
    if (given !== found(name).metadata.resourceVersion) throw new Refusal(409, "conflict");
  };
  const api: FakeObjects = {
    get: async (path) => {
      enter(`GET ${nameIn(path)}`);
      return found(nameIn(path));
    },
    post: async (_path, object) => {
      const name = String((object as Held).metadata["name"]);
      enter(`POST ${name}`);
      if (held.has(name)) throw new Refusal(409, "already exists");
      put(name, object);
    },
    put: async (path, object) => {
      const name = nameIn(path);
      enter(`PUT ${name}`);
      requireVersion(name, (object as Held).metadata.resourceVersion);
      put(name, object);
    },
    patch: async (path, changes) => {
      const name = nameIn(path);
      enter(`PATCH ${name}`);
      const { metadata, data } = changes as Held;
      requireVersion(name, metadata.resourceVersion);
      put(name, { ...found(name), data: { ...found(name).data, ...data } });
    },
    object: (name) => held.get(name),
    set: (name, object) => {
      if (object === undefined) held.delete(name);
      else put(name, object);
    },
    failures: new Map(),
    before: () => {},
    requests: [],
  };
  return api;
}
