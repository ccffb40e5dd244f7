import { Refusal } from "../../injector/cluster/api-server.ts";
import type { CertificatesApi } from "../../injector/controller/objects.ts";
import type { Fields } from "../../injector/model/read.ts";

interface Held {
  metadata: { resourceVersion: string; [key: string]: unknown };
  [key: string]: unknown;
}

/** The part of an API server that certificates need: two Secrets, one webhook configuration, and conflicts of versions. */
export interface FakeTlsApi extends CertificatesApi {
  secret(): Fields | undefined;
  /** The Secret with the keys of CAs; its requests are `GET keys`, `PUT keys`, `POST keys`. */
  keys(): Fields | undefined;
  setKeys(secret: object | undefined): void;
  /** Writes it as another client would. */
  setSecret(secret: object | undefined): void;
  /** The PEM of each webhook's caBundle. */
  bundles(): readonly string[];
  setBundles(bundles: readonly string[] | undefined): void;
  /** `GET secret`, `PUT secret`, `POST secret`, `GET webhooks`, `PATCH webhooks`: thrown instead of an answer. */
  readonly failures: Map<string, Error>;
  /** Called before each request, so that a test can change something between two requests. */
  before: (request: string) => void;
  readonly requests: string[];
}

export const SECRET = "/api/v1/namespaces/podrole-system/secrets";
export const PLACES = {
  secret: "podrole-injector-tls",
  keys: "podrole-controller-ca",
  namespace: "podrole-system",
  configuration: "podrole",
} as const;

export function fakeTlsApi(): FakeTlsApi {
  let version = 1;
  const secrets = new Map<string, Held>();
  let webhooks: Held | undefined = configuration(["", ""]);
  const failures = new Map<string, Error>();
  const requests: string[] = [];
  const stamped = (object: object): Held => {
    const copy = structuredClone(object) as Held;
    copy.metadata = { ...copy.metadata, resourceVersion: String((version += 1)) };
    return copy;
  };
  const short = (name: string): string => (name === PLACES.keys ? "keys" : "secret");
  const set = (name: string, object: object | undefined): void => {
    if (object === undefined) secrets.delete(name);
    else secrets.set(name, stamped(object));
  };
  const enter = (request: string): void => {
    api.before(request);
    requests.push(request);
    const failure = failures.get(request);
    if (failure !== undefined) throw failure;
  };
  const found = <T>(object: T | undefined): T => {
    if (object === undefined) throw new Refusal(404, "not found");
    return structuredClone(object);
  };
  const api: FakeTlsApi = {
    get: async (path) => {
      const name = path.startsWith(`${SECRET}/`) ? path.slice(SECRET.length + 1) : undefined;
      enter(name === undefined ? "GET webhooks" : `GET ${short(name)}`);
      return found(name === undefined ? webhooks : secrets.get(name));
    },
    post: async (_path, object) => {
      const name = String((object as Held).metadata["name"]);
      enter(`POST ${short(name)}`);
      if (secrets.has(name)) throw new Refusal(409, "already exists");
      secrets.set(name, stamped(object));
    },
    put: async (path, object) => {
      const name = path.slice(SECRET.length + 1);
      enter(`PUT ${short(name)}`);
      const { resourceVersion } = found(secrets.get(name)).metadata;
      if ((object as Held).metadata.resourceVersion !== resourceVersion) throw new Refusal(409, "conflict");
      secrets.set(name, stamped(object));
    },
    patch: async (_path, changes) => {
      enter("PATCH webhooks");
      const held = found(webhooks);
      const entries = held["webhooks"] as { clientConfig: { caBundle: string } }[];
      for (const { path, value } of changes as readonly { path: string; value: string }[]) {
        const index = /^\/webhooks\/(\d+)\/clientConfig\/caBundle$/.exec(path)?.[1];
        if (index !== undefined) entries[Number(index)] = { clientConfig: { caBundle: value } };
        else if (value !== held.metadata.resourceVersion) throw new Refusal(409, "conflict");
      }
      webhooks = stamped(held);
    },
    secret: () => secrets.get(PLACES.secret),
    setSecret: (object) => set(PLACES.secret, object),
    keys: () => secrets.get(PLACES.keys),
    setKeys: (object) => set(PLACES.keys, object),
    bundles: () =>
      ((webhooks?.["webhooks"] ?? []) as { clientConfig: { caBundle: string } }[]).map(({ clientConfig }) =>
        Buffer.from(clientConfig.caBundle, "base64").toString(),
      ),
    setBundles: (bundles) => {
      webhooks = bundles && stamped(configuration(bundles));
    },
    failures,
    requests,
    before: () => {},
  };
  return api;
}

const configuration = (bundles: readonly string[]): Held => ({
  metadata: { name: "podrole", resourceVersion: "1" },
  webhooks: bundles.map((text) => ({
    clientConfig: { caBundle: Buffer.from(text).toString("base64") },
  })),
});
