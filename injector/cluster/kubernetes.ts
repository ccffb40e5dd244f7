import { ANNOTATION, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { systemClock, type Clock } from "../../sidecar/kit/clock.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import type { Log } from "../../sidecar/kit/log.ts";
import type { ApiAccess } from "./access.ts";
import { apiServer, Refusal, whyOf } from "./api-server.ts";
import type { Cluster, NamespaceFacts } from "../model/facts.ts";
import { GRANTS, LIMIT_RANGES, NAMESPACES, serviceAccounts, type Annotations } from "./fact-kinds.ts";
import { grantIndex, type GrantIndex } from "./grant-index.ts";
import { lookUps, TooManyLookUps } from "./look-ups.ts";
import { informer, type Timing } from "./informer.ts";
import { limitRangesByNamespace, type LimitRange } from "../model/limit-range.ts";
import { isObjectName } from "../model/object-name.ts";
import { isRecord, type Fields } from "../model/read.ts";

/** The cluster as its API server reports it, followed from `start()` to `stop()`. */
export interface KubernetesCluster extends Cluster {
  start(): void;
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>;
  /** Whether each kind that is followed has been read once. */
  ready(): boolean;
  /** Why the rules are too old to decide by, so that there are no facts; undefined if they are not, and always without `rulesOnly`. */
  old(): CodedError | undefined;
  /** Also keeps this annotation of service accounts. Resolves once all accounts have been read with it. */
  keepRoleKey(key: string): Promise<void>;
  /** Whether each kind is followed at this moment, so that what is in memory is what the API server has. */
  isFollowing(): boolean;
  /** How many look-ups were refused so far, because there were too many. */
  refusedLookUps(): number;
  /** How each kind of object is followed, always in the same order. */
  followed(): readonly Followed[];
}

export interface Followed {
  /** As in the API's paths. */
  readonly resource: string;
  readonly objects: number;
  /** When the API server last sent anything about it, in milliseconds since the epoch. */
  readonly heardAt: number;
}

export interface ClusterDeps {
  readonly log: Log;
  readonly clock?: Clock;
  readonly timing?: Partial<Timing>;
  /**
   * Whether to follow namespaces and grants alone, the rules about roles. Facts then have neither service account nor
   * LimitRanges, whose only use is in new pods. And there are none once the rules are old: whose token it is the API server says, so
   * it is there, and a rule that was withdrawn meanwhile would still be in force.
   */
  readonly rulesOnly?: boolean;
}

/** For one look-up. The API server waits five seconds for the webhook's whole answer. */
const LOOKUP_MS = 2000;

/** After this time without news, rules are old. A watch brings some each minute, and one that brings none is given up after 150 s. */
const OLD_MS = 5 * 60_000;

/**
 * Facts from memory. A namespace or service account that is not in memory may have been created just before the pod, so one
 * GET each reads it, within limits. Grants and LimitRanges are only read by the watch: there are no facts before their first list.
 */
export function kubernetesCluster(
  access: ApiAccess,
  { log, clock = systemClock, timing = {}, rulesOnly = false }: ClusterDeps,
): KubernetesCluster {
  const stopping = new AbortController();
  const api = apiServer(access);
  const deps = { api, log, clock, timing };
  const namespaces = informer(NAMESPACES, deps);
  const accountKeys = new Set<string>([ANNOTATION.serviceAccountRole, ANNOTATION.serviceAccountAudience]);
  let read = Promise.withResolvers<void>();
  const accountKind = serviceAccounts(accountKeys, () => read.resolve());
  const accounts = informer(accountKind, deps);
  let following = new AbortController();
  let accountsRunning: Promise<void> = Promise.resolve();
  const followAccounts = (): void => {
    following.abort();
    following = new AbortController();
    read = Promise.withResolvers();
    const signal = AbortSignal.any([stopping.signal, following.signal]);
    accountsRunning = accountsRunning.then(() => accounts.run(signal));
  };
  const grants = informer(
    {
      ...GRANTS,
      onChange: (reading) =>
        reading.kind === "unreadable" && log.error({ err: reading.error }, "grant unreadable"),
    },
    deps,
  );
  const limitRanges = informer(LIMIT_RANGES, deps);
  const all = rulesOnly ? [namespaces, grants] : [namespaces, accounts, grants, limitRanges];
  const looking = lookUps(clock);
  const whyOld = (): CodedError | undefined => {
    const old = rulesOnly ? all.find((one) => clock.now() - one.heardAt() > OLD_MS) : undefined;
    return old && unavailable(`podrole has had no news of ${old.resource} for five minutes`, old.problem());
  };
  const requireNews = (): void => {
    const old = whyOld();
    if (old !== undefined) throw old;
  };
  let running: Promise<unknown> = Promise.resolve();

  let indexed: { readonly version: number; readonly index: GrantIndex } | undefined;
  const grantsByNamespace = (): GrantIndex => {
    if (!grants.listed()) throw unavailable("podrole has not read the RoleGrants yet", grants.problem());
    const version = grants.version();
    if (indexed?.version !== version) indexed = { version, index: grantIndex(grants.values()) };
    return indexed.index;
  };

  let limits:
    | { readonly version: number; readonly of: (namespace: string) => readonly LimitRange[] }
    | undefined;
  const limitRangesOf = (namespace: string): readonly LimitRange[] => {
    if (rulesOnly) return [];
    if (!limitRanges.listed())
      throw unavailable("podrole has not read the LimitRanges yet", limitRanges.problem());
    const version = limitRanges.version();
    if (limits?.version !== version) limits = { version, of: limitRangesByNamespace(limitRanges.values()) };
    return limits.of(namespace);
  };

  /** @returns undefined where there is no such object */
  const lookUp = async <T>(
    path: string,
    group: string,
    cut: (object: Fields) => T,
    mayRemember: boolean,
  ): Promise<T | undefined> => {
    const get = async (): Promise<T | undefined> => {
      try {
        const object = await api.get(path, LOOKUP_MS, stopping.signal);
        if (!isRecord(object)) throw new Error("the answer is no object");
        return cut(object);
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return undefined;
        throw error;
      }
    };
    try {
      return await looking.one(path, group, get, mayRemember);
    } catch (error) {
      if (error instanceof TooManyLookUps) throw tooMany();
      throw unavailable(
        "podrole could not ask the API server for namespace and service account",
        whyOf(error),
        error,
      );
    }
  };
  const namespaceFacts = async (name: string): Promise<NamespaceFacts> => {
    const held = namespaces.get(name);
    // The API server calls for labelled namespaces only, so a namespace that is held without the label has just got it.
    // Using what is held would let its first pods through without a guard.
    if (held?.labels[NAMESPACE_LABEL.key] === NAMESPACE_LABEL.value) return held;
    if (!isObjectName(name))
      throw unavailable("The review's namespace is not a name that a namespace can have");
    // That there is none only denies. While the watch is up, it tells at once when there is one.
    const followed = namespaces.problem() === undefined;
    const found = await lookUp(`${NAMESPACES.path}/${name}`, "namespaces", NAMESPACES.cut, followed);
    if (found !== undefined) return found;
    throw unavailable(`The API server has no namespace ${JSON.stringify(name)}`);
  };
  const accountAnnotations = async (namespace: string, name: string): Promise<Annotations | undefined> => {
    if (rulesOnly) return undefined;
    const known = accounts.get(`${namespace}/${name}`);
    if (known !== undefined || !isObjectName(namespace) || !isObjectName(name)) return known;
    // Not remembered: an account that has just been created would seem to name no role.
    const path = `${NAMESPACES.path}/${namespace}/serviceaccounts/${name}`;
    return lookUp(path, `accounts of ${namespace}`, accountKind.cut, false);
  };

  return {
    start: () => {
      const others = all.filter((one) => one !== accounts);
      running = Promise.all(others.map((one) => one.run(stopping.signal)));
      if (!rulesOnly) followAccounts();
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([running, accountsRunning]);
      api.close();
    },
    keepRoleKey: async (key) => {
      if (!accountKeys.has(key)) {
        accountKeys.add(key);
        followAccounts();
      }
      return read.promise;
    },
    isFollowing: () => all.every((one) => one.problem() === undefined),
    refusedLookUps: () => looking.refused(),
    ready: () => all.every((one) => one.listed()),
    old: whyOld,
    followed: () =>
      all.map((one) => ({ resource: one.resource, objects: one.size(), heardAt: one.heardAt() })),
    facts: async (namespace, serviceAccount) => {
      // Before the look-ups, so that nothing is asked for in vain. And after them, because the grants may have changed.
      grantsByNamespace();
      limitRangesOf(namespace);
      requireNews();
      // One after the other: no account of a namespace that does not exist is looked for.
      const ns = await namespaceFacts(namespace);
      const annotations = await accountAnnotations(namespace, serviceAccount);
      return {
        namespace: ns,
        serviceAccount: annotations && { name: serviceAccount, annotations },
        grants: grantsByNamespace().covering(ns),
        limitRanges: limitRangesOf(namespace),
      };
    },
  };
}

const tooMany = (): CodedError =>
  new CodedError("FACTS_UNAVAILABLE", "podrole is looking up too many namespaces and service accounts.", {
    remedy: "Try again in a few seconds. If it fails again, see who sends reviews to the injector.",
  });

function unavailable(what: string, why = "", cause?: unknown): CodedError {
  return new CodedError("FACTS_UNAVAILABLE", why === "" ? `${what}.` : `${what}: ${why}.`, {
    remedy: "Try again. If it fails again, check podrole's RBAC and the API server.",
    cause,
  });
}
