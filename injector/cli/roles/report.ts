import { globMatches, globOf } from "../../model/glob.ts";
import type { RoleArn } from "../../model/arn.ts";
import type { Reach } from "./reach/reach.ts";
import { nameOfRole, stateOf, type Owner, type PlainRow, type RoleRow, type State } from "./rows/row.ts";

/** Who has which role, and who could have it. */
export interface Report {
  /** The namespace, or undefined for all. */
  readonly namespace: string | undefined;
  /** URL of the API server, or the files. */
  readonly from: string;
  /** RFC 3339. */
  readonly at: string;
  /** What was asked for; absent for everything. */
  readonly chosen?: Choice;
  readonly rows: readonly RoleRow[];
  readonly plain: readonly PlainRow[];
  /** Absent where it was not asked for, or the rules may not be read. */
  readonly reach?: readonly Reach[];
  /** Pods of namespaces that podrole does not handle. */
  readonly notHandled: number;
  /** What is left out and why, and where the settings are from; sentences. */
  readonly notes: readonly string[];
}

export interface Choice {
  /** Globs over ARNs or names. */
  readonly role?: readonly string[];
  /** Globs over names of service accounts. */
  readonly serviceAccount?: readonly string[];
}

/** Whether one of the globs is about the role: its ARN, its path and name, or its name. */
export function choosesRole(globs: readonly string[] | undefined, role: RoleArn): boolean {
  if (globs === undefined) return true;
  const name = nameOfRole(role);
  const subjects = [role, name, name.slice(name.lastIndexOf("/") + 1)];
  return globs.some((text) => subjects.some((subject) => globMatches(globOf(text), subject)));
}

export const choosesAccount = (globs: readonly string[] | undefined, name: string): boolean =>
  globs === undefined || globs.some((text) => globMatches(globOf(text), name));

/** What was asked for, to be put into a report; nothing for everything. */
export const chosenIn = ({ role, serviceAccount }: Choice): Pick<Report, "chosen"> =>
  role === undefined && serviceAccount === undefined
    ? {}
    : {
        chosen: {
          ...(role === undefined ? {} : { role }),
          ...(serviceAccount === undefined ? {} : { serviceAccount }),
        },
      };

/** `role till-*, service account web`. */
export const choiceText = ({ role, serviceAccount }: Choice): string =>
  [
    ...(role === undefined ? [] : [`role ${role.join(" or ")}`]),
    ...(serviceAccount === undefined ? [] : [`service account ${serviceAccount.join(" or ")}`]),
  ].join(", ");

export const choosesRow = ({ role, serviceAccount }: Choice, row: RoleRow): boolean =>
  choosesRole(role, row.role) && choosesAccount(serviceAccount, row.serviceAccount);

/** Of a question about a role, pods without one are no answer. */
export const choosesPlain = ({ role, serviceAccount }: Choice, row: PlainRow): boolean =>
  role === undefined && choosesAccount(serviceAccount, row.serviceAccount);

/** The part of a reach that was asked for; undefined where nothing is left. */
export function chosenReach({ role, serviceAccount }: Choice, reach: Reach): Reach | undefined {
  const serviceAccounts = reach.serviceAccounts.filter((name) => choosesAccount(serviceAccount, name));
  if (serviceAccount !== undefined && serviceAccounts.length === 0) return undefined;
  const roles = reach.roles.filter((one) => choosesRole(role, one.role));
  return { ...reach, serviceAccounts, roles };
}

/** Pods and not rows: a pod may have several roles. */
export const countPods = (rows: readonly Owner[]): number =>
  new Set(rows.map(({ namespace, kind, name }) => `${namespace}/${kind}/${name}`)).size;

/** With a role and without. */
export const unguarded = ({ rows, plain }: Pick<Report, "rows" | "plain">): readonly Owner[] =>
  [...rows, ...plain].filter(({ guard }) => guard === "off");

export const rowsIn = (rows: readonly RoleRow[], state: State): readonly RoleRow[] =>
  rows.filter((row) => stateOf(row) === state);
