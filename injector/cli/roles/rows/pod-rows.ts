import { ENV } from "../../../../sidecar/contract/env.ts";
import { HEALTH_PORT } from "../../../../sidecar/contract/pod.ts";
import { containerIdentity, POD_IDENTITY } from "../../../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import { guardInStatus } from "../../../mutate/pod-annotations.ts";
import { namespaceSettings } from "../../../decide/namespace-settings.ts";
import { SOME_NODE, whyNeverInjected } from "../../../decide/pod-kinds.ts";
import { podStatus } from "../../../decide/pod-status.ts";
import { isLabelled, type Facts } from "../../../model/facts.ts";
import { guardMode } from "../../../model/guard-mode.ts";
import { guardModeIn, sidecarIn } from "../../../model/own-form.ts";
import { podProblem } from "../../../model/pod-shape.ts";
import { envVar, serviceAccountIn, type Pod } from "../../../model/pod.ts";
import { fieldsIn, metadataOf, nameOf, own, stringMap, type Fields } from "../../../model/read.ts";
import { kindOf, namespaceIn, templateOf } from "../../../model/workload.ts";
import { nowOf, refused, wantedRoles } from "./now.ts";
import { refusalOf } from "./refusal.ts";
import type { Owner, PlainRow, RoleRow } from "./row.ts";
import { whyUnproven } from "./why-unproven.ts";

/** What became of one object. */
export interface PodRows {
  readonly roles: readonly RoleRow[];
  /** Of a pod in a labelled namespace that has no role. */
  readonly plain?: PlainRow;
  /** The port of the sidecar's metrics, where the pod runs. */
  readonly healthPort?: number;
  /** Why there is nothing: it has ended, its namespace is not labelled, or it is not a pod. */
  readonly left?: "ended" | "not-handled" | "no-pod";
}

export interface Around {
  /** Namespace of objects that name none. */
  readonly fallback: string;
  /** The setting; undefined where it is not known: the default may be another registry than the installation's. */
  readonly image: string | undefined;
}

const NOTHING = { roles: [] };
const ENDED: ReadonlySet<unknown> = new Set(["Succeeded", "Failed"]);
const PORT = /^[1-9]\d{0,4}$/;

/**
 * The roles of a pod as its webhook wrote them down, beside what the rules say now; of a workload those that its next pods will get. Pure.
 * @param facts undefined where the user may not read them
 */
export function rowsOf(
  object: Fields,
  facts: Facts | Error | undefined,
  config: InjectorConfig,
  { fallback, image }: Around,
): PodRows {
  const template = templateOf(object);
  if (template === undefined || podProblem(template.pod) !== undefined) return { ...NOTHING, left: "no-pod" };
  const isPod = kindOf(object) === "Pod";
  if (isPod && ENDED.has(own(fieldsIn(object, "status"), "phase"))) return { ...NOTHING, left: "ended" };
  const pod = template.pod as unknown as Pod;
  const owner: Owner = {
    kind: kindOf(object),
    namespace: namespaceIn(object) ?? fallback,
    name: nameOf(object),
    serviceAccount: serviceAccountIn(pod),
    guard: guardOf(pod, isPod ? undefined : facts, config),
  };
  const isHandled = facts instanceof Error || facts === undefined || isLabelled(facts);
  const sidecar = sidecarIn(pod.spec);
  // Only of a pod with a sidecar: without one the webhook has not made it so. Both may be forged, see whyUnproven.
  const status = sidecar && podStatus(stringMap(own(metadataOf(template.pod), "annotations")));
  if (sidecar !== undefined && status !== undefined && status.roles.size > 0) {
    const why = whyUnproven(pod, sidecar, status, facts, image);
    const refusal = why === undefined ? refusalOf(template.pod) : undefined;
    const roles = [...status.roles].map(([identity, role]): RoleRow => {
      const { source } = status;
      const rule = status.rules.get(identity);
      return {
        ...owner,
        ...containerOf(identity),
        role,
        source,
        ...(rule === undefined ? {} : { rule }),
        ...(why === undefined
          ? nowOf({ identity, role, source }, pod, facts, config)
          : { now: { kind: "not-handled", why } }),
        ...(refusal === undefined ? {} : { refusal }),
      };
    });
    const port = envVar(sidecar, ENV.healthPort)?.value ?? String(HEALTH_PORT);
    const isRunning = own(fieldsIn(object, "status"), "phase") === "Running";
    // Whatever answers in the place of podrole's sidecar is not asked.
    const isAskable = isPod && isRunning && why === undefined && PORT.test(port);
    return { roles, ...(isAskable ? { healthPort: Number(port) } : {}) };
  }
  if (!isHandled || (facts === undefined && guardModeIn(pod.spec) === undefined))
    return { ...NOTHING, left: "not-handled" };
  const wanted =
    facts === undefined || facts instanceof Error
      ? new Map<string, never>()
      : wantedRoles(pod, facts, config, isPod ? SOME_NODE : undefined);
  if (!isPod && facts !== undefined && !(facts instanceof Error) && wanted.size > 0) {
    const { source } = namespaceSettings(facts, config);
    const roles = [...wanted].map(([identity, { role, decision }]): RoleRow => ({
      ...owner,
      ...containerOf(identity),
      role,
      source,
      now: decision.allowed ? { kind: "allowed", rule: decision.rule } : refused(decision),
    }));
    return { roles };
  }
  const wouldGet = [...wanted.values()].flatMap(({ role, decision }) => (decision.allowed ? [role] : []));
  return { roles: [], plain: { ...owner, wouldGet } };
}

/** @param facts of a workload, whose next pods get their guard by them */
function guardOf(pod: Pod, facts: Facts | Error | undefined, config: InjectorConfig): Owner["guard"] {
  if (whyNeverInjected(pod) !== undefined) return "off";
  const next = facts === undefined || facts instanceof Error ? undefined : guardMode(facts, config);
  return guardInStatus(guardModeIn(pod.spec) ?? next);
}

const containerOf = (identity: string): Pick<RoleRow, "container"> =>
  identity === POD_IDENTITY ? {} : { container: identity.slice(containerIdentity("").length) };
