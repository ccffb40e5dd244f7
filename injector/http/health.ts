import { wireAnswer, type WireAnswer, type WireRequest } from "../../sidecar/kit/http-message.ts";
import { oneRequestServer, type OneRequestServer } from "../../sidecar/kit/one-request.ts";
import type { Trouble } from "../model/trouble.ts";

export interface HealthDeps {
  /** Why the program is not ready, or undefined. */
  readonly unready: () => Trouble | undefined;
  /** Everything, in the Prometheus text format. */
  readonly metrics: () => string;
}

/** A port of its own for `GET /livez`, `/readyz` and `/metrics` over HTTP. It holds no secret. */
export const healthServer = (deps: HealthDeps): OneRequestServer =>
  oneRequestServer(async (request) => answer(request, deps));

function answer({ method, path }: WireRequest, { unready, metrics }: HealthDeps): WireAnswer {
  if (method !== "GET") return json(405, { code: "METHOD_NOT_ALLOWED", message: "Only GET." });
  if (path === "/livez") return json(200, { status: "ok" });
  if (path === "/metrics") return wireAnswer(200, "text/plain; version=0.0.4", metrics());
  if (path !== "/readyz") {
    return json(404, { code: "NOT_FOUND", message: "There is only /livez, /readyz and /metrics." });
  }
  const trouble = unready();
  return trouble === undefined ? json(200, { status: "ok" }) : json(503, trouble);
}

const json = (status: number, body: object): WireAnswer =>
  wireAnswer(status, "application/json", JSON.stringify(body));
