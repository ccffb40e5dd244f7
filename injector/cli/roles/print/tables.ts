import { accountOf, partitionOf, type RoleArn } from "../../../model/arn.ts";
import type { Reach } from "../reach/reach.ts";
import type { Report } from "../report.ts";
import { nameOfRole, sessionText, stateText, type RoleRow } from "../rows/row.ts";
import type { Table } from "./cell.ts";

/** How much is shown of each row. */
export type Width = "narrow" | "all";

/** Pods and their roles. */
export function podTable(report: Report, width: Width): Table {
  const now = Date.parse(report.at);
  const short = roleShortener(report.rows.map(({ role }) => role));
  const isAll = width === "all";
  const withNamespace = isAll || report.namespace === undefined;
  return {
    headings: [
      ...(withNamespace ? ["NAMESPACE"] : []),
      "POD",
      "ROLE",
      ...(isAll ? ["SERVICE ACCOUNT", "SOURCE", "RULE"] : []),
      "STATE",
      "SESSION",
    ],
    rows: report.rows.map((row) => [
      ...(withNamespace ? [row.namespace] : []),
      podText(row),
      isAll ? row.role : short(row.role),
      ...(isAll ? [row.serviceAccount, row.source, ruleText(row)] : []),
      stateText(row),
      sessionText(row, now),
    ]),
  };
}

/** The pod's name; of a workload its kind, too; and the container that has the role for itself. */
export const podText = ({ kind, name, container }: RoleRow): string =>
  `${kind === "Pod" ? "" : `${kind}/`}${name}${container === undefined ? "" : ` (${container})`}`;

/** The rule of now; else that of when the pod was made. */
export const ruleText = ({ rule, now }: RoleRow): string =>
  now.kind === "allowed"
    ? now.rule
    : rule === undefined
      ? ""
      : `${rule} (${now.kind === "not-handled" ? "says the pod" : "when it was made"})`;

/** Names where all roles are of one account; else ARNs. */
const roleShortener = (roles: readonly RoleArn[]): ((role: RoleArn) => string) =>
  hasOneAccount(roles) ? nameOfRole : (role) => role;

/** Whether the names of the roles say which roles they are. */
export const hasOneAccount = (roles: readonly RoleArn[]): boolean =>
  new Set(roles.map((role) => `${partitionOf(role)} ${accountOf(role)}`)).size < 2;

/** One row for each rule and each group of service accounts. */
export function reachTable(reaches: readonly Reach[], width: Width): Table {
  const isAll = width === "all";
  return {
    headings: [
      "NAMESPACE",
      "SERVICE ACCOUNTS",
      ...(isAll ? ["SOURCE", "POLICY"] : []),
      "EFFECT",
      "ROLES",
      "RULE",
      "SEEN",
    ],
    rows: reaches.flatMap((reach) =>
      reachLines(reach).map(({ effect, roles, rule, seen }) => [
        reach.namespace,
        isAll ? reach.serviceAccounts.join(" ") : some(reach.serviceAccounts, 3),
        ...(isAll ? [reach.source ?? "", reach.mode ?? ""] : []),
        effect,
        isAll ? roles.join(" ") : some(roles, 3),
        rule,
        isAll ? seen.join(" ") : seen.length === 0 ? "" : String(seen.length),
      ]),
    ),
  };
}

export interface ReachLine {
  readonly effect: "Allow" | "Deny" | "Any" | "None";
  /** Patterns as they are written. */
  readonly roles: readonly string[];
  readonly rule: string;
  /** Roles of the cluster that it allows. */
  readonly seen: readonly string[];
}

/** What is said of a group of service accounts, rule by rule; one line at least. */
export function reachLines({ isHandled, problem, mode, open, rules, roles }: Reach): readonly ReachLine[] {
  if (!isHandled)
    return [
      {
        effect: "None",
        roles: [],
        rule: "the namespace is not labelled: podrole gives no role here",
        seen: [],
      },
    ];
  if (problem !== undefined) return [{ effect: "None", roles: [], rule: problem, seen: [] }];
  const isApplied = mode !== "off" && mode !== "audit";
  const lines = rules.map(({ rule, effect, patterns }): ReachLine => ({
    effect,
    roles: patterns,
    rule: effect === "Deny" && !isApplied ? `${rule} (not applied: policy ${mode})` : rule,
    seen: effect === "Deny" ? [] : roles.filter((one) => one.rule === rule).map(({ role }) => role),
  }));
  const any: readonly ReachLine[] =
    open === undefined ? [] : [{ effect: "Any", roles: ["*"], rule: open, seen: [] }];
  const all = [...lines, ...any];
  return all.length > 0 ? all : [{ effect: "None", roles: [], rule: "no rule allows a role", seen: [] }];
}

const some = (all: readonly string[], most: number): string =>
  all.length <= most ? all.join(" ") : `${all.slice(0, most).join(" ")} and ${all.length - most} more`;
