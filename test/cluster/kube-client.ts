import { Agent, request } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";

/** A client for tests that act as cluster admin. It sends plain JSON to the API server. */
export interface KubeClient {
  /** Resolves with the answer, also when its status is an error. */
  request(method: string, path: string, body?: object, type?: string): Promise<KubeAnswer>;
  /** @throws Error with the API server's message for every status except 2xx; the methods below do too */
  create(path: string, object: object): Promise<KubeObject>;
  /** A JSON merge patch. */
  patch(path: string, changes: object): Promise<KubeObject>;
  get(path: string): Promise<KubeObject>;
  delete(path: string): Promise<KubeObject>;
  /** What `kubectl get` prints. */
  table(path: string): Promise<KubeObject>;
}

interface KubeAnswer {
  readonly status: number;
  /** The parsed JSON, or the text when it is not JSON. */
  readonly body: KubeObject;
  /** Admission's warnings, without the header's code and agent. */
  readonly warnings: readonly string[];
}

/** An object of unknown shape; a test that expects another shape fails. */
// oxlint-disable-next-line typescript/no-explicit-any
export type KubeObject = any;

interface Target {
  readonly port: number;
  readonly ca: string;
  readonly token: string;
}

/** @param agent one that keeps connections, where their time would be measured */
export function kubeClient({ port, ca, token }: Target, agent = new Agent({ ca })): KubeClient {
  const send = (
    method: string,
    path: string,
    body?: object,
    type = "application/json",
    accept = "application/json",
  ): Promise<KubeAnswer> =>
    new Promise((resolve, reject) => {
      const content = body && JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        accept,
        // Without the length, Node sends the body of a DELETE so that the API server takes it for none.
        ...(content && { "content-type": type, "content-length": String(Buffer.byteLength(content)) }),
      };
      const sent = request({ host: "127.0.0.1", port, path, method, headers, agent }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: parsed(text),
            warnings: warningsIn(response.headersDistinct["warning"] ?? []),
          }),
        );
      });
      sent.once("error", reject);
      sent.end(content);
    });
  const must = async (...args: Parameters<typeof send>): Promise<KubeObject> => {
    const { status, body } = await send(...args);
    if (status >= 300) throw new Error(`${args[0]} ${args[1]}: ${status} ${body.message ?? String(body)}`);
    return body;
  };
  return {
    request: send,
    create: (path, object) => must("POST", path, object),
    patch: (path, changes) => must("PATCH", path, changes, "application/merge-patch+json"),
    get: (path) => must("GET", path),
    delete: (path) => must("DELETE", path),
    table: (path) => must("GET", path, undefined, undefined, "application/json;as=Table;g=meta.k8s.io;v=v1"),
  };
}

/** A client with the rights of a configuration's user. */
export const clientFor = (config: KubeConfig): KubeClient =>
  withToken(config, config.getCurrentUser()?.token ?? "");

/** A client for the cluster of a configuration, with another token. */
export function withToken(config: KubeConfig, token: string): KubeClient {
  const { server = "", caData = "" } = config.getCurrentCluster() ?? {};
  return kubeClient({ port: Number(new URL(server).port), ca: atob(caData), token });
}

function parsed(text: string): KubeObject {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `299 - "text"`, quotes and backslashes in the text escaped. */
const warningsIn = (headers: readonly string[]): readonly string[] =>
  headers.map((header) => header.replace(/^299 \S+ "(.*)"$/, "$1").replaceAll(/\\(.)/g, "$1"));
