import { wireAnswer, type WireAnswer, type WireRequest } from "../../sidecar/kit/http-message.ts";
import { oneRequestServer, type OneRequestServer } from "../../sidecar/kit/one-request.ts";
import type { Trouble } from "../model/trouble.ts";

export interface HealthDeps {
  /** Why the program is not ready, or undefined. */
  readonly unready: () => Trouble | undefined;
  /** Everything, in the Prometheus text format. */
  readonly metrics: () => string | Promise<string>;
  /** What `/readyz` says of a program that is ready, beside its status; absent: nothing. */
  readonly detail?: () => Readonly<Record<string, unknown>>;
}

/** A port of its own for `GET /livez`, `/readyz` and `/metrics` over HTTP. It holds no secret. */
export const healthServer = (deps: HealthDeps): OneRequestServer =>
  oneRequestServer((request) => answer(request, deps));

async function answer(
  { method, path }: WireRequest,
  { unready, metrics, detail }: HealthDeps,
): Promise<WireAnswer> {
  if (method !== "GET") return json(405, { code: "METHOD_NOT_ALLOWED", message: "Only GET." });
  if (path === "/livez") return json(200, { status: "ok" });
  if (path === "/metrics") return wireAnswer(200, "text/plain; version=0.0.4", await metrics());
  if (path !== "/readyz") {
    return json(404, { code: "NOT_FOUND", message: "There is only /livez, /readyz and /metrics." });
  }
  const trouble = unready();
  return trouble === undefined ? json(200, { status: "ok", ...detail?.() }) : json(503, trouble);
}

const json = (status: number, body: object): WireAnswer =>
  wireAnswer(status, "application/json", JSON.stringify(body));
