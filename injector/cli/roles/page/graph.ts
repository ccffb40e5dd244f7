/** One role of one pod, as a row of the table has it. */
export interface Edge {
  readonly namespace: string;
  readonly account: string;
  readonly role: string;
  readonly state: string;
}

export type Column = 0 | 1 | 2;

/** A namespace, a service account or a role; or several, where there are too many to be drawn one by one. */
export interface GraphNode {
  readonly id: string;
  readonly column: Column;
  readonly label: string;
  readonly pods: number;
  /** The worst of its pods. */
  readonly state: string;
  /** What the tables are filtered by; absent of several. */
  readonly value?: string;
  /** Of a role: in how many namespaces it is. */
  readonly namespaces?: number;
}

export interface GraphLink {
  readonly from: string;
  readonly to: string;
  readonly pods: number;
  readonly state: string;
}

export interface Graph {
  /** By column, in the order in which they are drawn. */
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
  /** Whether something was put together. */
  readonly isShort: boolean;
}

/** From the best to the worst. */
const STATES = ["fine", "changed", "unknown", "refused", "gone"];
const rank = (state: string): number => STATES.indexOf(state);
const worse = (a: string, b: string): string => (rank(a) >= rank(b) ? a : b);

/**
 * The picture of some rows: namespaces to service accounts to roles. What is worst and what is largest is drawn by itself, the rest of a column
 * as one node. Pure.
 * @param most nodes of a column
 */
export function graphOf(edges: readonly Edge[], most: number): Graph {
  const accounts = new Set(edges.map(({ namespace, account }) => `${namespace}/${account}`));
  const byNamespace = accounts.size > most;
  const spaces = chosen(edges, ({ namespace }) => namespace, most);
  const roles = chosen(edges, ({ role }) => role, most);
  const counts = new Map<string, number>();
  for (const one of accounts) {
    const space = one.slice(0, one.indexOf("/"));
    const key = spaces.has(space) ? space : REST;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const nodes = new Map<string, Tally>();
  const links = new Map<string, GraphLink>();
  for (const { namespace, account, role, state } of edges) {
    const space = spaces.has(namespace) ? namespace : REST;
    const others = byNamespace || space === REST;
    const three: readonly [Tally["made"], Tally["made"], Tally["made"]] = [
      space === REST
        ? { id: "n", column: 0, label: "", of: namespace }
        : { id: `n/${namespace}`, column: 0, label: namespace, value: namespace },
      others
        ? {
            id: `a/${space}`,
            column: 1,
            label: several(counts.get(space) ?? 0, "service account"),
            of: account,
          }
        : { id: `a/${namespace}/${account}`, column: 1, label: account, value: `${namespace}/${account}` },
      roles.has(role)
        ? { id: `r/${role}`, column: 2, label: nameIn(role), value: role }
        : { id: "r", column: 2, label: "", of: role },
    ];
    for (const made of three) {
      const found = nodes.get(made.id) ?? { made, pods: 0, state, members: new Set(), spaces: new Set() };
      nodes.set(made.id, found);
      found.pods += 1;
      found.state = worse(found.state, state);
      found.spaces.add(namespace);
      if (made.of !== undefined) found.members.add(made.of);
    }
    link(links, three[0].id, three[1].id, state);
    link(links, three[1].id, three[2].id, state);
  }
  const all = [...nodes.values()].map(nodeOf);
  const isShort = byNamespace || all.some(({ id }) => id === "n" || id === "r");
  return { nodes: ordered(all, [...links.values()]), links: [...links.values()], isShort };
}

/** A role of so many namespaces is called shared. */
export const SHARED = 3;

/** Stands for what is not drawn by itself; no name of Kubernetes is empty. */
const REST = "";

interface Tally {
  readonly made: Pick<GraphNode, "id" | "column" | "label" | "value"> & { readonly of?: string };
  pods: number;
  state: string;
  readonly members: Set<string>;
  readonly spaces: Set<string>;
}

function nodeOf({ made, pods, state, members, spaces }: Tally): GraphNode {
  const { id, column, value } = made;
  const what = column === 0 ? "more namespace" : "more role";
  const label = made.label === "" ? several(members.size, what) : made.label;
  return {
    id,
    column,
    label,
    pods,
    state,
    ...(value === undefined ? {} : { value }),
    ...(column === 2 ? { namespaces: spaces.size } : {}),
  };
}

const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** All, or the worst and largest, with a place left for the rest. */
function chosen(edges: readonly Edge[], keyOf: (edge: Edge) => string, most: number): ReadonlySet<string> {
  const tallies = new Map<string, { pods: number; state: string; spaces: Set<string> }>();
  for (const edge of edges) {
    const key = keyOf(edge);
    const tally = tallies.get(key) ?? { pods: 0, state: edge.state, spaces: new Set() };
    tallies.set(key, tally);
    tally.pods += 1;
    tally.state = worse(tally.state, edge.state);
    tally.spaces.add(edge.namespace);
  }
  if (tallies.size <= most) return new Set(tallies.keys());
  const first = [...tallies]
    .toSorted(
      ([a, x], [b, y]) =>
        rank(y.state) - rank(x.state) || y.spaces.size - x.spaces.size || y.pods - x.pods || (a < b ? -1 : 1),
    )
    .slice(0, most - 1);
  return new Set(first.map(([key]) => key));
}

function link(links: Map<string, GraphLink>, from: string, to: string, state: string): void {
  const id = `${from} ${to}`;
  const found = links.get(id);
  links.set(id, { from, to, pods: (found?.pods ?? 0) + 1, state: worse(found?.state ?? state, state) });
}

/** The worst namespaces first, then by name; each next column by where its links come from, so that few of them cross. */
function ordered(nodes: readonly GraphNode[], links: readonly GraphLink[]): readonly GraphNode[] {
  const of = (column: Column): readonly GraphNode[] => nodes.filter((one) => one.column === column);
  const isRest = ({ value }: GraphNode): number => (value === undefined ? 1 : 0);
  const first = of(0).toSorted(
    (a, b) => isRest(a) - isRest(b) || rank(b.state) - rank(a.state) || (a.label < b.label ? -1 : 1),
  );
  const second = byPlace(of(1), first, links);
  const roles = byPlace(of(2), second, links);
  // Where a role is in many namespaces, its links cross others wherever it is: at the top it is seen.
  const isShared = ({ namespaces = 0, value }: GraphNode): boolean =>
    value !== undefined && namespaces >= SHARED;
  return [...first, ...second, ...roles.filter(isShared), ...roles.filter((one) => !isShared(one))];
}

function byPlace(
  nodes: readonly GraphNode[],
  before: readonly GraphNode[],
  links: readonly GraphLink[],
): readonly GraphNode[] {
  const places = new Map(before.map(({ id }, place) => [id, place]));
  const sums = new Map<string, { sum: number; count: number }>();
  for (const { from, to } of links) {
    const place = places.get(from);
    if (place === undefined) continue;
    const { sum, count } = sums.get(to) ?? { sum: 0, count: 0 };
    sums.set(to, { sum: sum + place, count: count + 1 });
  }
  const mean = ({ id }: GraphNode): number => {
    const { sum, count } = sums.get(id) ?? { sum: 0, count: 1 };
    return sum / count;
  };
  return nodes.toSorted((a, b) => mean(a) - mean(b) || (a.label < b.label ? -1 : 1));
}

/** The name of an ARN, with its path. */
export const nameIn = (role: string): string => {
  const at = role.indexOf(":role/");
  return at === -1 ? role : role.slice(at + ":role/".length);
};
