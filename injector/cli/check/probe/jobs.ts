import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { Refusal, whyOf, type ApiServer } from "../../../cluster/api-server.ts";
import { fieldsIn, metadataOf, nameOf, own, recordsIn, stringMap, type Fields } from "../../../model/read.ts";
import { READ_MS, readAll, type Read } from "../../live/reader.ts";
import { JOB_LABEL, PROBE_LABEL } from "./job.ts";

/** What a probe asks the API server about Jobs of one namespace, with the user's own rights. */
export interface Jobs {
  /** @throws JobRefused, or Error where there may be a Job all the same; the message is what the API server said */
  readonly create: (job: object) => Promise<void>;
  /** With its pods. Resolves to why it may be there still, a clause; undefined: it is not. */
  readonly remove: (name: string) => Promise<string | undefined>;
  /** Jobs of earlier probes that nobody can be waiting for. */
  readonly leftovers: (nowMs: number) => Promise<readonly string[]>;
  /** By the name of their Job. */
  readonly pods: () => Promise<ReadonlyMap<string, Fields>>;
  /** The namespace's Events of type Warning; undefined where the user may not read them. */
  readonly warnings: () => Promise<readonly Fields[] | undefined>;
}

/** There is no such Job. */
export class JobRefused extends Error {}

const SELECTOR = `labelSelector=${encodeURIComponent(`${PROBE_LABEL.key}=${PROBE_LABEL.value}`)}`;
/** A Job that has ended is read within so much time, if somebody waits for it. */
const READ_SOON_MS = 60_000;

export function jobsIn(
  namespace: string,
  { api, read }: { readonly api: Pick<ApiServer, "create" | "remove">; readonly read: Read },
): Jobs {
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const core = `/api/v1/namespaces/${namespace}`;
  const remove = async (name: string): Promise<string | undefined> => {
    try {
      // In the background: the Job itself is gone at once, and the cluster deletes its pods.
      const removal = { propagationPolicy: "Background" } as const;
      await api.remove(`${jobs}/${name}`, removal, READ_MS, AbortSignal.timeout(2 * READ_MS));
      return undefined;
    } catch (error) {
      return error instanceof Refusal && error.status === 404 ? undefined : saidBy(error);
    }
  };
  return {
    create: async (job) => {
      try {
        await api.create(jobs, job, READ_MS, AbortSignal.timeout(2 * READ_MS));
      } catch (error) {
        // An API server that gives up waiting for its store has an answer of 5xx.
        const isRefused = error instanceof Refusal && error.status < 500;
        throw new (isRefused ? JobRefused : Error)(saidBy(error), { cause: error });
      }
    },
    remove,
    leftovers: async (nowMs) =>
      ((await readAll(read, `${jobs}?${SELECTOR}`)) ?? []).filter((job) => isLeft(job, nowMs)).map(nameOf),
    pods: async () => {
      const found = (await readAll(read, `${core}/pods?${SELECTOR}`)) ?? [];
      return new Map(
        found.map((pod) => [stringMap(own(metadataOf(pod), "labels"))[JOB_LABEL] ?? "", pod] as const),
      );
    },
    warnings: async () => {
      try {
        return (await readAll(read, `${core}/events?fieldSelector=type%3DWarning`)) ?? [];
      } catch (error) {
        if (error instanceof CodedError && error.code === "API_REFUSED") return undefined;
        throw error;
      }
    },
  };
}

/** Two probes may run at the same time: only what has ended, or should have, is left from an earlier one. */
function isLeft(job: Fields, nowMs: number): boolean {
  const since = (at: unknown): number => nowMs - Date.parse(String(at));
  const ended = recordsIn(fieldsIn(job, "status"), "conditions").find(
    (one) => ["Complete", "Failed"].includes(String(own(one, "type"))) && own(one, "status") === "True",
  );
  const deadlineMs = 1000 * Number(own(fieldsIn(job, "spec"), "activeDeadlineSeconds"));
  return (
    since(own(metadataOf(job), "creationTimestamp")) > deadlineMs + READ_SOON_MS ||
    (ended !== undefined && since(own(ended, "lastTransitionTime")) > READ_SOON_MS)
  );
}

const saidBy = (error: unknown): string => (error instanceof Refusal && error.said) || whyOf(error);
