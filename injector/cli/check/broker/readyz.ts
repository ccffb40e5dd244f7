import { Refusal, whyOf } from "../../../cluster/api-server.ts";
import { fieldsIn, isRecord, nameOf, own, recordsIn, type Fields } from "../../../model/read.ts";
import type { LiveCluster } from "../../live/cluster.ts";
import { READ_MS } from "../../live/reader.ts";

/** What one replica of the broker answers to `GET /readyz`, or why it was not asked. */
export type Readyz = { readonly pod: string } & (
  | {
      readonly kind: "ready";
      /** What `GetCallerIdentity` said. */
      readonly identity: string | undefined;
      /** What is amiss all the same, such as refused settings: its own sentence. */
      readonly detail?: string;
    }
  | { readonly kind: "unready"; /** Its own sentence. */ readonly said: string }
  | { readonly kind: "forbidden" }
  | { readonly kind: "unreached"; readonly why: string }
);

/** As the chart names it, where a pod's spec does not. */
const HEALTH_PORT = 8080;
/** One is enough to know the identity; two that differ are worth telling. */
const ASKED_MAX = 5;

/** Asks running replicas, each through the API server's proxy for pods: nothing else leads from here to a pod's port. */
export const askReplicas = (pods: readonly Fields[], cluster: LiveCluster): Promise<readonly Readyz[]> =>
  Promise.all(
    pods
      .filter((pod) => own(fieldsIn(pod, "status"), "phase") === "Running")
      .slice(0, ASKED_MAX)
      .map((pod) => ask(pod, cluster)),
  );

async function ask(pod: Fields, { api }: LiveCluster): Promise<Readyz> {
  const name = nameOf(pod);
  const namespace = String(own(fieldsIn(pod, "metadata"), "namespace"));
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${healthPort(pod)}/proxy/readyz`;
  try {
    const answer = await api.get(path, READ_MS, AbortSignal.timeout(2 * READ_MS));
    return { pod: name, kind: "ready", ...readyIn(isRecord(answer) ? answer : {}) };
  } catch (error) {
    if (!(error instanceof Refusal)) return { pod: name, kind: "unreached", why: whyOf(error) };
    const { status, said } = error;
    if (status === 401 || status === 403) return { pod: name, kind: "forbidden" };
    // The API server's own 503, where a network policy or a wrong port keeps it from the pod.
    if (status !== 503 || said === "" || /trying to reach service/.test(said)) {
      return { pod: name, kind: "unreached", why: said || `HTTP ${status}` };
    }
    return { pod: name, kind: "unready", said };
  }
}

/** The ARN becomes part of a command that a person copies. */
const CALLER = /^arn:[a-z-]{1,40}:(?:iam|sts)::\d{12}:[\w+=,.@/-]{1,300}$/;

function readyIn(answer: Fields): { readonly identity: string | undefined; readonly detail?: string } {
  const [identity, detail] = [own(answer, "identity"), own(fieldsIn(answer, "detail"), "message")];
  return {
    identity: typeof identity === "string" && CALLER.test(identity) ? identity : undefined,
    ...(typeof detail === "string" ? { detail } : {}),
  };
}

function healthPort(pod: Fields): number {
  const ports = recordsIn(fieldsIn(pod, "spec"), "containers").flatMap((one) => recordsIn(one, "ports"));
  const port = own(ports.find((one) => own(one, "name") === "health") ?? {}, "containerPort");
  return typeof port === "number" ? port : HEALTH_PORT;
}
