import { POD_IDENTITY } from "../../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { missingAccount } from "../../decide/missing-account.ts";
import { straysAbove } from "../../decide/strays-above.ts";
import { excludedNamespaces } from "../../model/excluded-namespaces.ts";
import { isLabelled } from "../../model/facts.ts";
import type { Finding } from "../../model/findings.ts";
import { guardMode } from "../../model/guard-mode.ts";
import { fieldsIn, own, recordsIn, type Fields } from "../../model/read.ts";
import { admitPod } from "../../review/admit-pod.ts";
import { placeholders } from "../../mutate/fresh.ts";
import { PODROLE_NAMESPACE } from "../live/installed.ts";
import type { Now, Origin } from "./from/origin.ts";
import type { Granted } from "./grants.ts";
import { note, type Note } from "./note.ts";
import { labelled, titleOf, type Workload } from "./workloads.ts";

/**
 * What becomes of a workload's pods. `same`: they have the role that they have now, or none as now. `differs`: they have another one.
 * `refused`: they cannot be created. `stays`: podrole leaves them alone, so they need the tool.
 */
export type Verdict = "same" | "differs" | "refused" | "stays";

export interface Assessed {
  readonly workload: Workload;
  readonly verdict: Verdict;
  /** The roles that podrole gives the pod, its own first. */
  readonly roles: readonly string[];
  readonly findings: readonly Finding[];
  readonly notes: readonly Note[];
}

export interface NamespacePlan {
  readonly name: string;
  /** Whether it gets podrole's label; else why not, as a clause. */
  readonly moves: true | string;
  /** Whether it has the label already. */
  readonly hasLabel: boolean;
  /** Whether the guard can only check there that the metadata service is closed. */
  readonly verifies: boolean;
  readonly workloads: readonly Assessed[];
  readonly notes: readonly Note[];
}

/** Namespaces whose pods the webhook is never called for. */
export const leftOut = (podroleNamespace = PODROLE_NAMESPACE): ReadonlySet<string> =>
  new Set(excludedNamespaces(podroleNamespace));

/** What podrole makes of every workload, by the functions that decide in the webhook. Pure. */
export function plansFor(
  workloads: readonly Workload[],
  granted: Granted,
  origin: Origin,
  config: InjectorConfig,
  excluded: ReadonlySet<string>,
): readonly NamespacePlan[] {
  return [...Map.groupBy(workloads, ({ namespace }) => namespace)].map(([name, of]) => {
    const facts = of[0]?.facts.namespace;
    const namespace = facts ?? { name, labels: {}, annotations: {} };
    const all = of.map((workload) => assess(workload, granted, config));
    const isAbout = all.some(({ workload, roles }) => workload.now.kind !== "none" || roles.length > 0);
    const moves = excluded.has(name)
      ? "podrole's webhook is not called for it"
      : isAbout || isLabelled({ namespace })
        ? true
        : "no pod in it has a role";
    const verifies = moves === true && guardMode({ namespace }, config) === "verify";
    return {
      name,
      moves,
      hasLabel: isLabelled({ namespace }),
      verifies,
      workloads: all.map((one) => (moves === true ? one : leftAlone(one))),
      notes: [
        ...(verifies ? [guardVerifies(name, origin)] : []),
        ...(moves === true &&
        origin.rules !== undefined &&
        namespace.annotations[origin.rules.key] !== undefined
          ? [rulesStay(name, origin.rules.key)]
          : []),
      ],
    };
  });
}

function assess(workload: Workload, { grants, sessionNames }: Granted, config: InjectorConfig): Assessed {
  const facts = labelled(workload.facts, grants);
  const outcome = admitPod(workload.pod, facts, config, placeholders);
  const roles =
    outcome.kind === "inject" ? (outcome.sidecar?.identities ?? []).map(({ role }) => role as string) : [];
  const then = outcome.kind === "inject" ? podRoleIn(outcome.sidecar?.identities ?? []) : undefined;
  const verdict = verdictOf(outcome.kind, workload, then);
  const kept = sessionNames.get(workload);
  return {
    workload,
    verdict,
    roles,
    findings: [
      ...straysAbove(workload.object, config),
      ...outcome.findings,
      ...missingAccount(workload.serviceAccount, facts),
    ],
    notes: [
      ...workload.notes,
      ...(kept === undefined
        ? []
        : [
            note(
              "SESSION_NAME_KEPT",
              `${titleOf(workload)} has the session name ${JSON.stringify(kept.slice(0, 80))}, and its RoleGrant allows it. In CloudTrail it does not tell the namespace.`,
            ),
          ]),
      ...aboutMetadata(workload),
      ...(verdict === "stays" ? [stillNeeded(workload)] : aboutMaking(workload)),
    ],
  };
}

function verdictOf(
  outcome: ReturnType<typeof admitPod>["kind"],
  { now }: Workload,
  then: string | undefined,
): Verdict {
  if (outcome === "deny") return "refused";
  if (outcome === "skip" && hasRole(now)) return "stays";
  if (now.kind === "kept") return then === undefined ? "stays" : "differs";
  return (now.kind === "role" ? now.arn : undefined) === then ? "same" : "differs";
}

const hasRole = ({ kind }: Now): boolean => kind === "role" || kind === "kept";

const podRoleIn = (
  identities: readonly { readonly name: string; readonly role: string }[],
): string | undefined => identities.find(({ name }) => name === POD_IDENTITY)?.role;

/** In a namespace without the label, nothing changes for its pods. */
const leftAlone = (one: Assessed): Assessed => ({
  ...one,
  verdict: hasRole(one.workload.now) ? "stays" : "same",
  roles: [],
  findings: [],
  notes: hasRole(one.workload.now) ? [stillNeeded(one.workload)] : [],
});

const stillNeeded = (workload: Workload): Note =>
  note(
    "STILL_NEEDED",
    `${titleOf(workload)} has a role now, and podrole leaves it alone: give it its role in another way before the old one ends.`,
  );

/** A controller makes new pods; these two stay as they are. */
const aboutMaking = (workload: Workload): readonly Note[] =>
  ["Pod", "Job"].includes(workload.kind) && workload.now.kind === "role"
    ? [note("RECREATE", `${titleOf(workload)} has to be created again to get guard and sidecar.`)]
    : [];

const METADATA = /169\.254\.169\.254|fd00:ec2::254|\binstance-data\b/i;

function aboutMetadata(workload: Workload): readonly Note[] {
  const spec = fieldsIn(workload.pod, "spec");
  const containers = [...recordsIn(spec, "initContainers"), ...recordsIn(spec, "containers")];
  const names = containers
    .filter(namesMetadata)
    .map((one) => JSON.stringify(String(own(one, "name")).slice(0, 63)));
  if (names.length === 0) return [];
  const message = `${titleOf(workload)} names the metadata service in ${names.join(", ")}, and podrole blocks it. Set podrole.dev/region for the region, or podrole.dev/imds: emulate where options.imds allows that.`;
  return [note("METADATA_USED", message)];
}

const namesMetadata = (container: Fields): boolean =>
  ["command", "args", "env"].some((key) => {
    try {
      return METADATA.test(JSON.stringify(own(container, key)) ?? "");
    } catch {
      return false;
    }
  });

function guardVerifies(name: string, origin: Origin): Note {
  const until = origin.intercepts
    ? `Its pods do not start while ${origin.name} answers on their node, nor later unless nodes or network close the metadata service: move it last.`
    : "Its pods start only if nodes or network close the metadata service.";
  return note("GUARD_VERIFIES", `In namespace ${name} the guard is in mode verify. ${until}`);
}

const rulesStay = (name: string, key: string): Note =>
  note(
    "RULE_STAYS",
    `podrole also reads the annotation ${key} of namespace ${name}. Remove it when nothing else needs it; then the RoleGrants alone decide.`,
  );
