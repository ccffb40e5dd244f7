import { PATH } from "../contract/pod.ts";
import { oneRequestServer, type OneRequestServer } from "../kit/one-request.ts";
import { wireAnswer, type WireAnswer } from "../kit/http-message.ts";
import { lacksAddressFamily, listen } from "./server.ts";

export interface HealthDeps {
  /** Undefined when credentials would be served now, else the code of the reason why not. */
  readonly notReady: () => string | undefined;
  readonly metrics: () => string;
}

/** The second port, open to the cluster: it shows codes and counts, and no secret. */
export function healthAnswer(method: string, target: string, deps: HealthDeps): WireAnswer {
  if (method !== "GET" && method !== "HEAD") return plain(405, "METHOD_REFUSED\n");
  const [path] = target.split("?", 1);
  if (path === PATH.healthz) return plain(200, "ok\n");
  if (path === PATH.metrics) {
    return plain(200, deps.metrics(), "text/plain; version=0.0.4; charset=utf-8");
  }
  if (path !== PATH.readyz) return plain(404, "PATH_UNKNOWN\n");
  const reason = deps.notReady();
  return reason === undefined ? plain(200, "ok\n") : plain(503, `${reason}\n`);
}

export const healthServer = (deps: HealthDeps): OneRequestServer =>
  oneRequestServer(async ({ method, path }) => healthAnswer(method, path, deps));

/** On every IPv6 and IPv4 address; only IPv4 if the kernel has no IPv6. */
export async function listenEverywhere(server: OneRequestServer, port: number): Promise<number> {
  try {
    return await listen(server, port, "::");
  } catch (error) {
    if (!lacksAddressFamily(error)) throw error;
    return listen(server, port, "0.0.0.0");
  }
}

const plain = (status: number, body: string, type = "text/plain; charset=utf-8"): WireAnswer =>
  wireAnswer(status, type, body);
