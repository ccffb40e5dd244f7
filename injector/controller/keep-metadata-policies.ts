import { NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiServer, Refusal } from "../cluster/api-server.ts";
import { informer, type Informer, type Timing } from "../cluster/informer.ts";
import { namespaceOf, planOf, policyOf, type Step } from "./metadata-policy-plan.ts";
import { named, policiesForeign, policiesRefused, requireNoNodeSource } from "./metadata-policy-trouble.ts";
import { GROUP, isOfOneNamespace, ownerIn, written } from "./metadata-policy-writes.ts";
import { readSettings, type SettingsDeps } from "./settings.ts";

export interface PoliciesDeps extends SettingsDeps {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly log: Log;
  /** Labelled namespaces without one. */
  readonly excluded: readonly string[];
  /** Called after each round. */
  readonly observe?: (counts: PolicyCounts) => void;
  /** Of the watches; other times than the usual, for tests. */
  readonly timing?: Partial<Timing>;
}

/** Labelled namespaces, by what became of their policy. */
export interface PolicyCounts {
  /** It is as it should be. */
  readonly kept: number;
  /** Another owner has one of the same name, which is not as it should be. */
  readonly foreign: number;
  /** The API server has refused what the controller wrote, more than once. */
  readonly refused: number;
}

interface Refused {
  /** By the steady clock. */
  readonly at: number;
  readonly times: number;
  readonly refusal: Refusal;
}

export interface PolicyKeeper {
  /** Follows namespaces and policies until the signal; never rejects. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
  /**
   * Makes, repairs and removes what has to be.
   * @throws CodedError for settings that cannot be used, and for namespaces where it could not be done; Refusal or Error as the client
   *   does
   */
  readonly round: (signal: AbortSignal) => Promise<void>;
}

/** How long a round waits for watches that have not begun, or have broken. */
const WATCHED_MS = 10_000;
/**
 * A quota or another policy refuses it. Neither changes within seconds. But podrole's own policy may see a new label or setting a moment
 * later than the controller, so what was refused once is tried again in the next round, and not reported.
 */
const REFUSED_MS = 60_000;
/** In one round; the next one goes on with other namespaces. */
const REFUSALS_MAX = 50;

/**
 * Keeps the NetworkPolicy podrole-metadata in every labelled namespace. Needs list and watch on namespaces; list, watch, create, patch
 * and delete on NetworkPolicies of that name; get on the ClusterRole that owns them, and on the ConfigMap.
 */
export function metadataPolicyKeeper(deps: PoliciesDeps): PolicyKeeper {
  const { api, clock, log, observe, timing = {} } = deps;
  const excluded = new Set(deps.excluded);
  const [namespaces, policies] = followed({ api, clock, log, timing });
  const both = [namespaces, policies];
  /** By namespace. */
  const refusals = new Map<string, Refused>();
  /** Namespaces whose write ended a round. They come last: a webhook may answer so for them alone, or not at all. */
  const ended = new Set<string>();

  const write = async (steps: readonly Step[], spec: object, signal: AbortSignal): Promise<Step[]> => {
    const done: Step[] = [];
    const owner = steps.some((step) => step.do === "create") ? await ownerIn(api, signal) : undefined;
    let refusedNow = 0;
    const order = new Map([...ended].map((namespace, at) => [namespace, at]));
    const late = ({ namespace }: Step): number => order.get(namespace) ?? -1;
    for (const step of steps.toSorted((one, other) => late(one) - late(other))) {
      const before = refusals.get(step.namespace);
      if (before !== undefined && before.times > 1 && clock.elapsed() - before.at < REFUSED_MS) continue;
      try {
        if (await written(api, step, { spec, owner }, signal)) done.push(step);
        refusals.delete(step.namespace);
        ended.delete(step.namespace);
      } catch (error) {
        if (!isOfOneNamespace(error)) {
          ended.delete(step.namespace);
          ended.add(step.namespace);
          throw error;
        }
        const times = (before?.times ?? 0) + 1;
        refusals.set(step.namespace, { at: clock.elapsed(), times, refusal: error });
        if (++refusedNow === REFUSALS_MAX) break;
      }
    }
    return done;
  };

  return {
    follow: async (signal) => {
      await Promise.all(both.map((one) => one.run(signal)));
    },
    round: async (signal) => {
      await watchedBy(both, clock, signal);
      const { config } = await readSettings(deps, signal);
      requireNoNodeSource(config);
      const situation = { namespaces: namespaces.values(), policies: policies.values() };
      const { steps, kept, foreign } = planOf({ ...situation, excluded, addresses: config.block });
      const due = new Set(steps.map(({ namespace }) => namespace));
      for (const namespace of refusals.keys()) if (!due.has(namespace)) refusals.delete(namespace);
      for (const namespace of ended) if (!due.has(namespace)) ended.delete(namespace);
      const done = await write(steps, metadataPolicy(config.block).spec, signal);
      if (done.length > 0) log.info(summaryOf(done), "NetworkPolicies written");
      const refused = [...refusals].filter(([, { times }]) => times > 1);
      observe?.({ kept: kept.length, foreign: foreign.length, refused: refused.length });
      const [first] = refused;
      if (first !== undefined) throw policiesRefused(first[0], first[1].refusal, refused.length - 1);
      if (foreign.length > 0) throw policiesForeign(foreign);
      const broken = both.find((one) => one.problem() !== undefined);
      if (broken !== undefined) throw unwatched(broken);
    },
  };
}

function followed(deps: Pick<PoliciesDeps, "api" | "clock" | "log"> & { readonly timing: Partial<Timing> }) {
  const label = `${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`;
  return [
    informer({ resource: "namespaces", path: "/api/v1/namespaces", label, cut: namespaceOf }, deps),
    informer(
      {
        resource: "networkpolicies",
        path: `${GROUP}/networkpolicies`,
        name: METADATA_POLICY,
        cut: policyOf,
      },
      deps,
    ),
  ] as const;
}

/** @throws Error if namespaces or policies have never been read, so that nothing is known of them */
async function watchedBy(
  both: readonly Informer<unknown>[],
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const isWatched = (): boolean => both.every((one) => one.listed() && one.problem() === undefined);
  for (let waited = 0; waited < WATCHED_MS && !isWatched() && !signal.aborted; waited += 100)
    await clock.sleep(100, signal);
  const unread = both.find((one) => !one.listed());
  if (unread !== undefined) throw unwatched(unread);
}

const unwatched = (one: Informer<unknown>): Error =>
  new Error(`${one.resource}: ${one.problem() ?? "they have not been read yet"}`);

function summaryOf(done: readonly Step[]) {
  const count = (kind: Step["do"]): number => done.filter((step) => step.do === kind).length;
  return {
    created: count("create"),
    repaired: count("repair"),
    removed: count("remove"),
    namespaces: named(done.map(({ namespace }) => namespace)),
  };
}
