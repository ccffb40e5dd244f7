import { pino } from "pino";
import type { AdmissionResponse } from "../../injector/review/admission-review.ts";
import type { Operation } from "../../injector/mutate/patch.ts";
import { buildServer, type Deps } from "../../injector/serve/server.ts";
import { config } from "./config.ts";
import { clusterOf, facts } from "./facts.ts";
import { FRESH } from "./pods.ts";

export interface Posted {
  readonly status: number;
  readonly body: string;
  /** Of an AdmissionReview. */
  readonly response: AdmissionResponse;
  readonly patch: readonly Operation[];
  /** The complete log. */
  readonly log: string;
}

/** An AdmissionReview as the API server writes it. `object` is text, because some tests send text that is no JSON. */
export const reviewText = (object: string, over: Readonly<Record<string, unknown>> = {}): string => {
  const review = {
    uid: "review-1",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    namespace: "shop",
    operation: "CREATE",
    userInfo: { username: "alice" },
    dryRun: false,
    ...over,
  };
  const fields = Object.entries(review).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  return `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{${[...fields, `"object":${object}`].join(",")}}}`;
};

/** Posts a body to a new webhook server. @returns its answer, its log and its observations */
export async function post(
  body: string,
  over: Partial<Deps> = {},
  contentType = "application/json",
): Promise<Posted> {
  const lines: string[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
  const app = buildServer({
    config: () => config(),
    cluster: clusterOf(facts()),
    fresh: FRESH,
    log,
    ...over,
  });
  const answer = await app.inject({
    method: "POST",
    url: "/mutate",
    headers: { "content-type": contentType },
    payload: body,
  });
  // Observers are notified after the answer, in the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  await app.close();
  const parsed = answer.body.startsWith("{")
    ? (JSON.parse(answer.body) as { response?: AdmissionResponse })
    : {};
  const response = parsed.response ?? { uid: "", allowed: false };
  const patch = Buffer.from(response.patch ?? "W10=", "base64").toString();
  return {
    status: answer.statusCode,
    body: answer.body,
    response,
    patch: JSON.parse(patch) as readonly Operation[],
    log: lines.join(""),
  };
}

export const postObject = (object: unknown, over: Partial<Deps> = {}, review = {}): Promise<Posted> =>
  post(reviewText(JSON.stringify(object), review), over);
