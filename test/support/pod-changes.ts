import { isRecord, own, type Fields } from "../../injector/model/read.ts";
import type { Pod } from "../../injector/model/pod.ts";

/**
 * Podrole's additions to a pod, in a form that can be compared between pods: lists of named objects become maps, and
 * JSON in a string is parsed. All user containers are in one map, including init containers.
 */
export interface Additions {
  readonly pod: Fields;
  readonly guard: unknown;
  readonly sidecar: unknown;
  /** The additions to each container, by name. */
  readonly containers: Fields;
}

/** Stands for an object that podrole did not change or add. */
export const NOTHING = "nothing";

/** @param given may be a pod that podrole has injected already; its guard and sidecar still count as added */
export function additions(given: Pod, after: Pod): Additions {
  const before = withoutOurs(given);
  const { spec = {}, ...pod } = recordOf(changes(byName(before), byName(after)));
  const { containers, initContainers, ...rest } = recordOf(spec);
  const added = { ...recordOf(initContainers), ...recordOf(containers) };
  const { "podrole-guard": guard = NOTHING, "podrole-sidecar": sidecar = NOTHING } = added;
  const users = [...(before.spec.initContainers ?? []), ...before.spec.containers].map(({ name }) => name);
  return {
    pod: { ...pod, ...rest },
    guard,
    sidecar,
    containers: Object.fromEntries(users.map((name) => [name, added[name] ?? NOTHING])),
  };
}

const withoutOurs = ({ spec, ...pod }: Pod): Pod => ({
  ...pod,
  spec: {
    ...spec,
    initContainers: (spec.initContainers ?? []).filter(
      ({ name }) => !/^podrole-(?:guard|sidecar)$/.test(name),
    ),
  },
});

/** How one pod's additions differ from another's. Every container is compared with the other pod's first container. */
export function differences(model: Additions, one: Additions): unknown {
  const [app] = Object.values(model.containers);
  const containers = Object.fromEntries(Object.keys(one.containers).map((name) => [name, app]));
  return changes({ ...model, containers }, one) ?? NOTHING;
}

/** A merge patch (RFC 7396), where null removes a field. @returns undefined when nothing differs */
function changes(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) {
    return JSON.stringify(from) === JSON.stringify(to) ? undefined : to;
  }
  const entries = [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .map((key) => [key, Object.hasOwn(to, key) ? changes(own(from, key), own(to, key)) : null] as const)
    .filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function byName(value: unknown): unknown {
  if (typeof value === "string") return byName(parsed(value) ?? null) ?? value;
  if (Array.isArray(value)) return mapOf(value) ?? value;
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, byName(one)]));
}

/** A list of named elements as a map; undefined for any other list. */
function mapOf(list: readonly unknown[]): Fields | undefined {
  const entries = list.map((one) => {
    const { mountPath, name, ...rest } = recordOf(one);
    const [key, fields] = mountPath === undefined ? [name, rest] : [mountPath, { name, ...rest }];
    const isVariable = Object.keys(fields).join() === "value";
    return [key, byName(isVariable ? fields["value"] : fields)] as const;
  });
  const keys = new Set(entries.map(([key]) => key));
  const named = keys.size === list.length && [...keys].every((key) => typeof key === "string");
  return named && list.length > 0 ? Object.fromEntries(entries) : undefined;
}

function parsed(text: string): unknown {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const recordOf = (value: unknown): Fields => (isRecord(value) ? value : {});
