import { createServer, type Server } from "node:http";
import type { Trouble } from "../model/trouble.ts";

export interface HealthDeps {
  /** Why the controller is not ready, or undefined. */
  readonly unready: () => Trouble | undefined;
  /** Everything, in the Prometheus text format. */
  readonly metrics: () => string;
}

/** The controller's only port: `GET /livez`, `/readyz` and `/metrics` over HTTP. It holds no secret. */
export function healthServer({ unready, metrics }: HealthDeps): Server {
  return createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type }).end(body);
    };
    const json = (status: number, body: object): void =>
      answer(status, "application/json", JSON.stringify(body));
    if (request.method !== "GET") return json(405, { code: "METHOD_NOT_ALLOWED", message: "Only GET." });
    if (request.url === "/livez") return json(200, { status: "ok" });
    if (request.url === "/metrics") return answer(200, "text/plain; version=0.0.4", metrics());
    if (request.url !== "/readyz") {
      return json(404, { code: "NOT_FOUND", message: "There is only /livez, /readyz and /metrics." });
    }
    const trouble = unready();
    return trouble === undefined ? json(200, { status: "ok" }) : json(503, trouble);
  });
}
