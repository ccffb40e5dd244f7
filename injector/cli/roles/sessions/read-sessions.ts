import { PATH } from "../../../../sidecar/contract/pod.ts";
import { messageOf } from "../../../../sidecar/kit/errors.ts";
import { Refusal, whyOf } from "../../../cluster/api-server.ts";
import { forbiddenIn } from "../../live/forbidden.ts";
import type { Session } from "../rows/row.ts";
import { sessionsIn } from "./metrics-text.ts";

/** A pod with a sidecar that may be asked. */
export interface Askable {
  readonly namespace: string;
  readonly name: string;
  readonly healthPort: number;
}

/** GET of a text through the API server. */
export type ReadText = (path: string, ms: number, signal: AbortSignal, maxBytes: number) => Promise<string>;

export interface Limits {
  readonly atOnce: number;
  /** For one sidecar. */
  readonly eachMs: number;
  /** For all of them. */
  readonly allMs: number;
}

/** A person waits. Through an API server beside its pods, one answer takes some milliseconds. */
export const LIMITS: Limits = { atOnce: 32, eachMs: 3000, allMs: 20_000 };

/** A sidecar's metrics have 2 kB. Whatever answers in its place is not read to its end. */
const BYTES_MAX = 64 * 1024;

export interface Sessions {
  /** By `namespace/name` of the pod, then by identity. */
  readonly of: ReadonlyMap<string, ReadonlyMap<string, Session>>;
  /** Why some or all are not known; a sentence each, whatever the number of pods. */
  readonly notes: readonly string[];
}

/**
 * Asks the sidecars for their metrics, by the API server's subresource `pods/proxy`. The first is asked alone. Of a namespace in which
 * the user may not, the others are not asked; where nobody answers at the beginning, none is.
 */
export async function readSessions(
  pods: readonly Askable[],
  readText: ReadText,
  limits: Limits = LIMITS,
): Promise<Sessions> {
  const found = new Map<string, ReadonlyMap<string, Session>>();
  const failures = new Map<string, number>();
  const late = AbortSignal.timeout(limits.allMs);
  /** By namespace: the right may be given in some of them, and whatever answers in a pod's place speaks for no other one. */
  const forbidden = new Map<string, string>();
  let [gaveUp, asked] = [false, 0];
  const ask = async ({ namespace, name, healthPort }: Askable): Promise<void> => {
    asked += 1;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}:${healthPort}/proxy${PATH.metrics}`;
    try {
      const sessions = sessionsIn(await readText(path, limits.eachMs, late, BYTES_MAX));
      if (sessions.size === 0) throw new Error("the answer is not that of a sidecar");
      found.set(`${namespace}/${name}`, sessions);
    } catch (error) {
      if (late.aborted) return;
      const denied = error instanceof Refusal && error.status === 403 ? forbiddenIn(error.said) : undefined;
      if (denied !== undefined) forbidden.set(namespace, `${denied.user} may not ${denied.what}`);
      else {
        const why = error instanceof Refusal ? messageOf(error) : whyOf(error);
        failures.set(why, (failures.get(why) ?? 0) + 1);
      }
      gaveUp ||= found.size === 0 && asked >= limits.atOnce;
    }
  };
  const waiting = pods.values();
  const [first] = pods;
  if (first !== undefined) await ask(waiting.next().value ?? first);
  const worker = async (): Promise<void> => {
    for (const pod of waiting) {
      if (gaveUp || late.aborted) return;
      // oxlint-disable-next-line no-await-in-loop
      if (!forbidden.has(pod.namespace)) await ask(pod);
    }
  };
  await Promise.all(Array.from({ length: limits.atOnce }, worker));
  return { of: found, notes: notesOf() };

  function notesOf(): readonly string[] {
    const ofRights = pods.filter((pod) => forbidden.has(pod.namespace)).length;
    const others = pods.length - found.size - ofRights;
    const [said] = forbidden.values();
    const more =
      forbidden.size > 1
        ? `, nor in ${forbidden.size - 1} other namespace${forbidden.size === 2 ? "" : "s"}`
        : "";
    const [why, count] = [...failures].toSorted(([, a], [, b]) => b - a)[0] ?? [];
    const because =
      why !== undefined
        ? `${why} (${count} times)`
        : late.aborted
          ? `the time of ${limits.allMs / 1000} seconds was over`
          : "too many before them were refused";
    return [
      ...(said === undefined
        ? []
        : [
            `The sessions of ${ofRights} of ${pods.length} pods are not shown: ${said}${more}. The page who-has-which-role says what that right is.`,
          ]),
      ...(others <= 0
        ? []
        : [
            `The sessions of ${others} of ${pods.length} pods are not shown, since their sidecars were not read: ${because}.`,
          ]),
    ];
  }
}
