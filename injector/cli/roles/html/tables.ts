import type { RoleArn } from "../../../model/arn.ts";
import { podText, reachLines, ruleText } from "../print/tables.ts";
import type { Report } from "../report.ts";
import { nameOfRole, roleStateText, sessionText, stateOf, type RoleRow, type State } from "../rows/row.ts";
import { markup, type Markup } from "./markup.ts";
import type { RoleUse } from "./standouts.ts";

/** A table of the page. Its script finds columns by their key. */
export interface PageTable {
  readonly id: "pods" | "roles" | "plain" | "reach";
  readonly title: string;
  /** What is in it, for whoever reads it for the first time. */
  readonly about: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Markup[];
}

interface Column {
  readonly key: string;
  readonly heading: string;
  readonly isNumber?: boolean;
}

const ORDER: Readonly<Record<State, number>> = { gone: 0, refused: 1, changed: 2, unknown: 3, fine: 4 };

export function pageTables(report: Report, uses: readonly RoleUse[]): readonly PageTable[] {
  return [
    podsTable(report),
    rolesTable(uses, report.reach !== undefined),
    plainTable(report),
    ...(report.reach === undefined ? [] : [reachTable(report)]),
  ];
}

/** Cells of a row, each with its heading, which small screens show beside it. */
const row = (columns: readonly Column[], cells: readonly Markup[], state = ""): Markup =>
  markup`<tr data-state="${state}">${cells.map(
    (cell, index) => markup`<td data-label="${columns[index]?.heading}">${cell}</td>`,
  )}</tr>
`;

/** The same with a value by which it is sorted. */
const sorted = (value: number | string, shown: Markup): Markup =>
  markup`<span data-order="${value}">${shown}</span>`;

const roleText = (role: RoleArn): Markup => {
  const name = nameOfRole(role);
  return markup`<code><span class="arn">${role.slice(0, role.length - name.length)}</span>${name}</code>`;
};

/** A long text may be broken behind the beginning that all ARNs have alike. */
const breakable = (text: string): Markup => {
  const at = text.indexOf(":role/") + ":role/".length;
  return text.includes(":role/") ? markup`${text.slice(0, at)}<wbr>${text.slice(at)}` : markup`${text}`;
};

const list = (all: readonly string[], most = 6): Markup =>
  all.length <= most
    ? breakable(all.join(", "))
    : markup`${breakable(all.slice(0, most).join(", "))}
        <span class="rest" title="${all.slice(most, 200).join(", ")}">and ${all.length - most} more</span>`;

function podsTable({ rows, at }: Report): PageTable {
  const hasSessions = rows.some(({ session, refusal }) => session !== undefined || refusal !== undefined);
  const columns: readonly Column[] = [
    { key: "namespace", heading: "Namespace" },
    { key: "account", heading: "Service account" },
    { key: "pod", heading: "Pod" },
    { key: "role", heading: "Role" },
    { key: "source", heading: "Source" },
    { key: "rule", heading: "Rule" },
    { key: "state", heading: "State" },
    ...(hasSessions ? [{ key: "session", heading: "Session" }] : []),
  ];
  const now = Date.parse(at);
  const cells = (one: RoleRow): readonly Markup[] => {
    const state = stateOf(one);
    return [
      markup`${one.namespace}`,
      markup`${one.serviceAccount}`,
      markup`${podText(one)}`,
      roleText(one.role),
      markup`${one.source}`,
      markup`${ruleText(one)}`,
      sorted(
        ORDER[state],
        markup`<span class="state ${state}">${STATES[state] ?? roleStateText(one)}</span>${
          one.guard === "off" ? markup` ${NO_GUARD}` : markup``
        }${whyOf(one)}`,
      ),
      ...(hasSessions ? [sessionCell(one, now)] : []),
    ];
  };
  return {
    id: "pods",
    title: "Pods with a role",
    about: "Each role of each pod, the rule that allows it, and the session that its sidecar holds.",
    columns,
    // The worst first, also where no script runs.
    rows: rows
      .toSorted((a, b) => ORDER[stateOf(a)] - ORDER[stateOf(b)])
      .map((one) => row(columns, cells(one), stateOf(one))),
  };
}

function sessionCell(one: RoleRow, now: number): Markup {
  const ends = one.session?.expiresAt;
  const text = sessionText(one, now);
  if (text === "") return markup``;
  return sorted(ends === undefined ? "" : Date.parse(ends), markup`<span title="${ends}">${text}</span>`);
}

/** The code, and behind it the whole sentence. */
function whyOf({ now, refusal }: RoleRow): Markup {
  const parts: readonly (readonly [string, string])[] = [
    ...(now.kind === "refused" ? [[now.code, now.message] as const] : []),
    ...(now.kind === "unknown" ? [["why", now.why] as const] : []),
    ...(now.kind === "other-role" ? [["why", `By the ${now.from}.`] as const] : []),
    ...(refusal === undefined ? [] : [[refusal.code, `${refusal.message} ${refusal.at ?? ""}`] as const]),
  ];
  return markup`${parts.map(([code, said]) => markup`<details><summary>${code}</summary>${said}</details>`)}`;
}

const STATES: Readonly<Record<State, string | undefined>> = {
  gone: "rule gone",
  refused: "session refused",
  changed: undefined,
  unknown: undefined,
  fine: undefined,
};

const NO_GUARD = markup`<span class="state gone">no guard</span>`;

const NOTES = { shared: "shared", idle: "nobody uses it", "": "" } as const;

function rolesTable(uses: readonly RoleUse[], isReach: boolean): PageTable {
  const columns: readonly Column[] = [
    { key: "role", heading: "Role" },
    { key: "pods", heading: "Pods", isNumber: true },
    { key: "accounts", heading: "Service accounts", isNumber: true },
    { key: "count", heading: "Namespaces", isNumber: true },
    { key: "namespaces", heading: "Which namespaces" },
    ...(isReach ? [{ key: "may", heading: "Allowed in namespaces", isNumber: true }] : []),
    { key: "note", heading: "Note" },
  ];
  return {
    id: "roles",
    title: "Roles",
    about: "Each role that a pod has or that a rule allows by name, and how far it is spread.",
    columns,
    rows: uses.map((use) =>
      row(columns, [
        roleText(use.role),
        markup`${use.pods}`,
        markup`${use.serviceAccounts}`,
        markup`${use.namespaces.length}`,
        list(use.namespaces),
        ...(use.mayIn === undefined ? [] : [markup`${use.mayIn}`]),
        use.note === "" ? markup`` : markup`<span class="state ${use.note}">${NOTES[use.note]}</span>`,
      ]),
    ),
  };
}

function plainTable({ plain }: Report): PageTable {
  const columns: readonly Column[] = [
    { key: "namespace", heading: "Namespace" },
    { key: "account", heading: "Service account" },
    { key: "pod", heading: "Pod" },
    { key: "guard", heading: "Guard" },
    { key: "would", heading: "If it were made now" },
  ];
  return {
    id: "plain",
    title: "Pods without a role",
    about:
      "Pods of handled namespaces that have none. Without a guard, a pod can reach the role of its node.",
    columns,
    rows: plain.map(({ namespace, serviceAccount, kind, name, guard, wouldGet }) =>
      row(columns, [
        markup`${namespace}`,
        markup`${serviceAccount}`,
        markup`${kind === "Pod" ? name : `${kind}/${name}`}`,
        guard === "off" ? NO_GUARD : markup`${guard}`,
        markup`${wouldGet.map((role) => markup`${roleText(role)} `)}`,
      ]),
    ),
  };
}

function reachTable({ reach = [] }: Report): PageTable {
  const columns: readonly Column[] = [
    { key: "namespace", heading: "Namespace" },
    { key: "accounts", heading: "Service accounts" },
    { key: "source", heading: "Source" },
    { key: "policy", heading: "Policy" },
    { key: "effect", heading: "Effect" },
    { key: "patterns", heading: "Roles" },
    { key: "rule", heading: "Rule" },
    { key: "seen", heading: "Roles seen that match" },
  ];
  const effects = { Allow: "allows", Deny: "denies", Any: "any role", None: "none" } as const;
  return {
    id: "reach",
    title: "What could be taken",
    about:
      "For service accounts about which the rules say the same: each rule with its patterns as they are written, and the known roles that it allows.",
    columns,
    rows: reach.flatMap((one) =>
      reachLines(one).map(({ effect, roles, rule, seen }) =>
        row(columns, [
          markup`${one.namespace}`,
          list(one.serviceAccounts),
          markup`${one.source}`,
          markup`${one.mode}`,
          markup`<span class="state ${effect}">${effects[effect]}</span>`,
          markup`<code>${list(roles)}</code>`,
          markup`${rule}`,
          markup`<code>${list(seen.map((role) => nameOfRole(role as RoleArn)))}</code>`,
        ]),
      ),
    ),
  };
}
