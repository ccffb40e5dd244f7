import type { RoleArn } from "../../../model/arn.ts";
import { countPods, rowsIn, unguarded, type Report } from "../report.ts";

/** A role of so many namespaces is called shared. */
const SHARED = 3;

/** A role, and who has it or may have it. */
export interface RoleUse {
  readonly role: RoleArn;
  readonly pods: number;
  /** Sorted. */
  readonly namespaces: readonly string[];
  readonly serviceAccounts: number;
  /** Namespaces where a rule allows it to a service account, whether a pod has it or not. Undefined where nobody looked. */
  readonly mayIn: number | undefined;
  readonly note: "shared" | "idle" | "";
}

/** Every role that is in use or that a rule allows. Pure. */
export function roleUses({
  rows,
  reach,
  namespace: scope,
  chosen,
}: Pick<Report, "rows" | "reach" | "namespace" | "chosen">): readonly RoleUse[] {
  // Of a part of the cluster nobody can say that a role has no pod: one of another part may have it.
  const isWhole = scope === undefined && chosen?.serviceAccount === undefined;

  const roles = new Map<
    RoleArn,
    { pods: Set<string>; spaces: Set<string>; accounts: Set<string>; may: Set<string> }
  >();
  const of = (role: RoleArn) => {
    const found = roles.get(role) ?? {
      pods: new Set(),
      spaces: new Set(),
      accounts: new Set(),
      may: new Set(),
    };
    roles.set(role, found);
    return found;
  };
  for (const { role, namespace, serviceAccount, name, now } of rows) {
    // What a pod says of itself makes no role a shared one.
    if (now.kind === "not-handled") continue;
    const use = of(role);
    use.pods.add(`${namespace}/${name}`);
    use.spaces.add(namespace);
    use.accounts.add(`${namespace}/${serviceAccount}`);
  }
  for (const one of reach ?? []) for (const { role } of one.roles) of(role).may.add(one.namespace);
  return [...roles]
    .map(([role, { pods, spaces, accounts, may }]): RoleUse => ({
      role,
      pods: pods.size,
      namespaces: [...spaces].toSorted(),
      serviceAccounts: accounts.size,
      mayIn: reach === undefined ? undefined : may.size,
      note: pods.size === 0 ? (isWhole ? "idle" : "") : spaces.size >= SHARED ? "shared" : "",
    }))
    .toSorted(
      (a, b) => b.namespaces.length - a.namespaces.length || b.pods - a.pods || (a.role < b.role ? -1 : 1),
    );
}

/** Something that a reader has to look at. */
export interface Standout {
  readonly id: string;
  readonly count: number;
  /** What is counted, in the number that fits the count. */
  readonly what: string;
  readonly why: string;
  readonly tone: "bad" | "warn" | "plain";
  /** The table that has it, and what to look for there: a state of pods, or a word. */
  readonly table: "pods" | "roles" | "plain" | "reach";
  readonly state?: string;
  readonly word?: string;
}

/** What stands out, the worst first; nothing that is not there. Pure. */
export function standouts(report: Report, uses: readonly RoleUse[]): readonly Standout[] {
  const { rows, plain, reach = [] } = report;
  const pods = (state: Parameters<typeof rowsIn>[1]): number => countPods(rowsIn(rows, state));
  const open = new Set(reach.flatMap((one) => (one.open === undefined ? [] : [one.namespace])));
  const all: readonly Standout[] = [
    {
      id: "gone",
      count: pods("gone"),
      what: "pod whose rule is gone|pods whose rule is gone",
      why: "The rules no longer allow the role. The broker ends its session. With another source it lasts until the pod is made anew.",
      tone: "bad",
      table: "pods",
      state: "gone",
    },
    {
      id: "refused",
      count: pods("refused"),
      what: "pod whose session is refused|pods whose session is refused",
      why: "STS or the broker said no, so the app has no credentials.",
      tone: "bad",
      table: "pods",
      state: "refused",
    },
    {
      id: "unguarded",
      count: countPods(unguarded(report)),
      what: "pod without a guard|pods without a guard",
      why: "The app can reach the metadata service, and with it the role of the node.",
      tone: "bad",
      table: plain.some(({ guard }) => guard === "off") ? "plain" : "pods",
      word: "no guard",
    },
    {
      id: "changed",
      count: pods("changed"),
      what: "pod with a former role|pods with a former role",
      why: "A pod that is made now would get another role, or none.",
      tone: "warn",
      table: "pods",
      state: "changed",
    },
    {
      id: "shared",
      count: uses.filter(({ note }) => note === "shared").length,
      what: "role shared by namespaces|roles shared by namespaces",
      why: `Pods of ${SHARED} or more namespaces have the same role. Whoever takes over one of these namespaces has it, too.`,
      tone: "warn",
      table: "roles",
      word: "shared",
    },
    {
      id: "open",
      count: open.size,
      what: "namespace without a rule|namespaces without a rule",
      why: "No rule of the cluster says which roles its pods may have. The mode, or IAM's trust policies alone, decide.",
      tone: "warn",
      table: "reach",
      word: "any role",
    },
    {
      id: "unknown",
      count: pods("unknown"),
      what: "pod nobody can judge|pods nobody can judge",
      why: "What the rules say of it now, or whether it has the role at all, is not known. The state or the notes say why.",
      tone: "warn",
      table: "pods",
      state: "unknown",
    },
    {
      id: "idle",
      count: uses.filter(({ note }) => note === "idle").length,
      what: "role that nobody uses|roles that nobody uses",
      why: "A rule allows the role, and no pod has it. Such a rule may be one too many.",
      tone: "plain",
      table: "roles",
      word: "nobody uses it",
    },
    {
      id: "plain",
      count: plain.length,
      what: "pod without a role|pods without a role",
      why: "In namespaces that podrole handles.",
      tone: "plain",
      table: "plain",
    },
  ];
  return all
    .filter(({ count }) => count > 0)
    .map((one) => ({ ...one, what: one.what.split("|")[one.count === 1 ? 0 : 1] ?? "" }));
}
