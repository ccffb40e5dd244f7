import { createHash } from "node:crypto";
import type { InjectorConfig } from "../../config/installation.ts";
import { resolveRole } from "../../decide/role.ts";
import { sessionRequest } from "../../decide/session.ts";
import { decideSessionName } from "../../decide/session-name.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { covers, grantAllows, parseGrant, type Grant } from "../../model/grant.ts";
import { fieldsIn, nameOf, own, strings, type Fields } from "../../model/read.ts";
import { isObjectOf } from "./from/tool-args.ts";
import { annotationsOf, type Origin } from "./from/origin.ts";
import type { Pod } from "../../model/pod.ts";
import { subjectOf } from "../../model/role-pattern.ts";
import { inOrder, labelled, type Workload } from "./workloads.ts";

/** Names of the RoleGrants that this command writes begin with it. */
const PREFIX = "migrated-";
const NAME_MAX = 253;

/** What is to be allowed to the pods of one service account, or of all in the namespace. */
interface Wanted {
  readonly namespace: string;
  readonly serviceAccount: string | undefined;
  readonly roles: Set<string>;
  readonly sessionNames: Set<string>;
  fallback: string | undefined;
}

/** RoleGrants as they are to be in the cluster, sorted by name. */
export interface Granted {
  readonly objects: readonly GrantObject[];
  /** All grants of the cluster once these are applied. */
  readonly grants: readonly Grant[];
  /** By workload: the session name that only a grant allows. */
  readonly sessionNames: ReadonlyMap<Workload, string>;
}

export interface GrantObject extends Fields {
  readonly apiVersion: "podrole.dev/v1alpha1";
  readonly kind: "RoleGrant";
  readonly metadata: { readonly name: string };
  readonly spec: Fields;
}

/** Roles that all pods of a namespace are to be allowed, as globs over ARNs. */
export type NamespaceGlobs = ReadonlyMap<string, readonly string[]>;

/**
 * The grants that allow each workload the role that it has now, by its service account. Pure. What another grant of the cluster allows
 * already is not allowed again. A grant that an earlier run has written stays as it is, or gets what is new. A second run after the
 * first was applied gives the same.
 */
export function grantsFor(
  workloads: readonly Workload[],
  objects: readonly Fields[],
  config: InjectorConfig,
  origin: Pick<Origin, "name" | "sessionNameKey">,
  globs: NamespaceGlobs = new Map(),
): Granted {
  const existing = objects.filter((one) => isObjectOf(one, "podrole.dev/v1alpha1", "RoleGrant"));
  const others = existing.map(parseGrant).filter(({ name }) => !name.startsWith(PREFIX));
  const wanted = new Map<string, Wanted>();
  const wantedOf = (namespace: string, serviceAccount: string | undefined): Wanted => {
    const key = `${namespace}/${serviceAccount ?? ""}`;
    const found = wanted.get(key) ?? {
      namespace,
      serviceAccount,
      roles: new Set(),
      sessionNames: new Set(),
      fallback: undefined,
    };
    wanted.set(key, found);
    return found;
  };
  for (const [namespace, roles] of globs)
    for (const role of roles) wantedOf(namespace, undefined).roles.add(role);
  const sessionNames = new Map<Workload, string>();
  for (const workload of workloads) {
    const need = needOf(workload, others, config, origin);
    if (need === undefined) continue;
    if (need.sessionName !== undefined) sessionNames.set(workload, need.sessionName);
    if (need.isAllowed && need.sessionName === undefined && need.fallback === undefined) continue;
    const one = wantedOf(workload.namespace, workload.serviceAccount);
    one.roles.add(need.role);
    if (need.sessionName !== undefined) one.sessionNames.add(need.sessionName);
    if (need.fallback !== undefined) one.fallback = need.fallback;
  }
  const byName = new Map(existing.map((one) => [nameOf(one), one]));
  const written = [...wanted.values()]
    .map((one) => grantObject(one, byName))
    .toSorted((one, other) => inOrder(one.metadata.name, other.metadata.name));
  const names = new Set(written.map(({ metadata }) => metadata.name));
  const stay = existing.filter((one) => !names.has(nameOf(one))).map(parseGrant);
  return {
    objects: written,
    grants: [...stay, ...written.map(parseGrant)].toSorted((one, other) => inOrder(one.name, other.name)),
    sessionNames,
  };
}

interface RoleNeed {
  readonly role: RoleArn;
  readonly isAllowed: boolean;
  readonly sessionName: string | undefined;
  /** The role that the service account's pods are to have although nothing in the cluster names it. */
  readonly fallback: string | undefined;
}

/** What a workload needs, so that podrole gives it the role that it has now; undefined if it has none, or podrole would give another. */
function needOf(
  workload: Workload,
  others: readonly Grant[],
  config: InjectorConfig,
  origin: Pick<Origin, "name" | "sessionNameKey">,
): RoleNeed | undefined {
  const { pod, now, serviceAccount } = workload;
  if (now.kind !== "role") return undefined;
  const facts = labelled(workload.facts, others);
  const resolved = resolveRole(pod as unknown as Pod, facts, config);
  const isUnnamed = resolved.kind === "none" && parseRoleArn(now.arn) !== undefined;
  const role = isUnnamed
    ? parseRoleArn(now.arn)
    : resolved.kind === "role" && resolved.arn === now.arn
      ? resolved.arn
      : undefined;
  if (role === undefined) return undefined;
  const subject = subjectOf(role, config.baseRoleArn);
  const isDefault = resolved.kind === "role" && role === config.defaultRole;
  const { request, nameKey } = sessionRequest(annotationsOf(pod), config);
  const names = decideSessionName({
    template: request.sessionName,
    key: nameKey,
    roles: [role],
    facts,
    serviceAccount,
    config,
  });
  return {
    role,
    isAllowed:
      isDefault ||
      others.some((grant) => covers(grant, facts.namespace, serviceAccount) && grantAllows(grant, subject)),
    // Whoever writes an annotation that no tool reads has no sessions of that name, and might want another namespace's.
    sessionName:
      names.findings.length > 0 && nameKey === origin.sessionNameKey && now.by === origin.name
        ? request.sessionName
        : undefined,
    fallback: isUnnamed ? role : undefined,
  };
}

/** Ours of an earlier run, if it is for the same pods; else the first name that is free. */
function grantObject(wanted: Wanted, byName: ReadonlyMap<string, Fields>): GrantObject {
  const { namespace, serviceAccount } = wanted;
  for (let number = 1; ; number += 1) {
    const name = grantName(namespace, serviceAccount, number);
    const found = byName.get(name);
    const spec = found === undefined ? undefined : fieldsIn(found, "spec");
    if (found !== undefined && !isFor(spec, namespace, serviceAccount)) continue;
    const merged = (key: string, values: ReadonlySet<string>): readonly string[] => {
      const before = spec === undefined ? [] : strings(own(spec, key));
      return [...before, ...[...values].filter((one) => !before.includes(one)).toSorted(inOrder)];
    };
    const sessionNames = merged("sessionNames", wanted.sessionNames);
    const fallback = wanted.fallback ?? (spec === undefined ? undefined : own(spec, "default"));
    return {
      apiVersion: "podrole.dev/v1alpha1",
      kind: "RoleGrant",
      metadata: { name },
      spec: {
        namespaces: [namespace],
        ...(serviceAccount === undefined ? {} : { serviceAccounts: [serviceAccount] }),
        roles: merged("roles", wanted.roles),
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(sessionNames.length === 0 ? {} : { sessionNames }),
      },
    };
  }
}

function isFor(spec: Fields | undefined, namespace: string, serviceAccount: string | undefined): boolean {
  if (spec === undefined || (own(spec, "effect") ?? "Allow") !== "Allow") return false;
  const accounts = own(spec, "serviceAccounts");
  return (
    sameList(own(spec, "namespaces"), [namespace]) &&
    (serviceAccount === undefined ? accounts === undefined : sameList(accounts, [serviceAccount]))
  );
}

const sameList = (value: unknown, wanted: readonly string[]): boolean =>
  Array.isArray(value) &&
  value.length === wanted.length &&
  value.every((one, index) => one === wanted[index]);

/** A name of a namespace has no dot, so two dots apart tell them. Long names end in a hash. */
function grantName(namespace: string, serviceAccount: string | undefined, number: number): string {
  const name = [
    `${PREFIX}${namespace}`,
    ...(serviceAccount === undefined ? [] : [serviceAccount]),
    ...(number > 1 ? [String(number)] : []),
  ].join(".");
  if (name.length <= NAME_MAX) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${name.slice(0, NAME_MAX - 17).replace(/[^a-z0-9]+$/, "")}-${hash}`;
}
