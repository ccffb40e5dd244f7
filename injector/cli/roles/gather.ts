import type { RoleArn } from "../../model/arn.ts";
import { isLabelled, type Facts } from "../../model/facts.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Fields } from "../../model/read.ts";
import { namespaceIn, templateOf } from "../../model/workload.ts";
import type { Surroundings } from "./read/surroundings.ts";
import { mayTake, rolesAsked } from "./reach/asked.ts";
import { groupsOf, namedRoles, withRoles, type Reach } from "./reach/reach.ts";
import { choosesAccount, choosesPlain, choosesRow, chosenReach, type Choice } from "./report.ts";
import { rowsOf, type Around as RowsAround } from "./rows/pod-rows.ts";
import type { PlainRow, RoleRow } from "./rows/row.ts";
import type { Askable } from "./sessions/read-sessions.ts";

/** The rows of objects that come page by page: of each object no more is kept. */
export interface Gatherer {
  readonly add: (objects: readonly Fields[]) => void;
  readonly done: () => Gathered;
}

export interface Gathered {
  readonly rows: readonly RoleRow[];
  readonly plain: readonly PlainRow[];
  readonly notHandled: number;
  /** Pods whose sidecar can be asked for its sessions. */
  readonly askable: readonly Askable[];
  /** Pods by namespace, service account and role: of all that were added, chosen or not. */
  readonly podsWith: (namespace: string, serviceAccount: string, role: RoleArn) => number;
  readonly used: readonly RoleArn[];
  /** Service accounts of pods, by namespace. Of manifests they may be all that is known of them. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface Around extends Pick<Surroundings, "config">, RowsAround {
  /** Undefined where the user may not read the rules. */
  readonly factsOf: (namespace: string, serviceAccount: string) => Facts | Error | undefined;
  readonly choice: Choice;
}

/** Pure but for what it gathers. */
export function gatherer({ factsOf, config, choice, fallback, image }: Around): Gatherer {
  const rows: RoleRow[] = [];
  const plain: PlainRow[] = [];
  const askable: Askable[] = [];
  const counts = new Map<string, number>();
  const used = new Set<RoleArn>();
  const accounts = new Map<string, Set<string>>();
  let notHandled = 0;
  const keyOf = (...parts: readonly string[]): string => parts.join(" ");
  const addOne = (object: Fields): void => {
    const pod = templateOf(object)?.pod;
    if (pod === undefined) return;
    const [namespace, account] = [namespaceIn(object) ?? fallback, serviceAccountIn(pod)];
    accounts.set(namespace, (accounts.get(namespace) ?? new Set()).add(account));
    const facts = factsOf(namespace, account);
    const found = rowsOf(object, facts, config, { fallback, image });
    if (found.left === "not-handled" && choosesAccount(choice.serviceAccount, account)) notHandled += 1;
    if (found.plain !== undefined && choosesPlain(choice, found.plain)) plain.push(found.plain);
    for (const { role, now } of found.roles) {
      // A role that a pod only says it has is not one that the cluster knows.
      if (now.kind === "not-handled") continue;
      used.add(role);
      const key = keyOf(namespace, account, role);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const chosen = found.roles.filter((row) => choosesRow(choice, row));
    rows.push(...chosen);
    const [first] = chosen;
    const { healthPort } = found;
    if (first !== undefined && healthPort !== undefined)
      askable.push({ namespace: first.namespace, name: first.name, healthPort });
  };
  return {
    add: (objects) => objects.forEach(addOne),
    done: () => ({
      rows: rows.toSorted(byPlace),
      plain: plain.toSorted(byPlace),
      notHandled,
      askable,
      podsWith: (...parts) => counts.get(keyOf(...parts)) ?? 0,
      used: [...used],
      accounts,
    }),
  };
}

const byPlace = (a: RoleRow | PlainRow, b: RoleRow | PlainRow): number =>
  compare(a.namespace, b.namespace) || compare(a.name, b.name);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What every service account of the namespaces could take, as far as it was asked for. Pure. */
export function reaches(
  { namespaces, accountsOf, factsOf, config }: Surroundings,
  { used, podsWith, accounts: ofPods }: Pick<Gathered, "used" | "podsWith" | "accounts">,
  choice: Choice,
): readonly Reach[] {
  const groups = namespaces()
    .toSorted((a, b) => compare(a.name, b.name))
    .flatMap((namespace) => {
      const names = new Set([...accountsOf(namespace.name), ...(ofPods.get(namespace.name) ?? [])]);
      const facts = (isLabelled({ namespace }) ? [...names] : []).map(
        (name) => [name, factsOf(namespace.name, name)] as const,
      );
      const known = facts.flatMap(([name, one]): [string, Facts | Error][] =>
        one === undefined ? [] : [[name, one]],
      );
      return groupsOf(namespace, new Map(known), config);
    });
  const known = [...new Set([...used, ...namedRoles(groups), ...rolesAsked(choice.role, config)])].toSorted();
  return groups.flatMap((group) => {
    if (choice.role?.some((text) => mayTake(text, group, config)) === false) return [];
    const chosen = chosenReach(choice, withRoles(group, known, podsWith, config));
    return chosen === undefined ? [] : [chosen];
  });
}
