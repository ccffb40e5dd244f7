import { ANNOTATION, CONTAINER_ROLE_PREFIX, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import {
  annotationsByKey,
  containerRoleKey,
  type AnnotationSpec,
  type Keys,
  type On,
} from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import { nearest } from "../model/nearest.ts";
import { isLikeOurs, isLikeRoleKey, isPodroleKey } from "../model/odd-keys.ts";

const DEFAULT_KEYS: ReadonlySet<string> = new Set(Object.values(ANNOTATION));

/** An object with more such keys was not mistyped, and a search for the nearest known key of each would take seconds. */
const STRAYS_MAX = 20;

/** A finding about an annotation or label, and whether it was meant to name a role. */
export interface Stray {
  readonly finding: Finding;
  readonly isRole: boolean;
}

/** Where annotations are: on a kind of object, and the object's name in messages, if it is not the reviewed one. */
export interface Place {
  readonly on: On;
  readonly name?: string;
}

/** The key that names the role on each kind of object. */
export const roleKeyOn = (on: On, keys: Keys): string =>
  ({ Pod: keys.role, ServiceAccount: keys.serviceAccountRole, Namespace: keys.namespaceDefaultRole })[on];

export const isRoleKey = (key: string, keys: Keys): boolean =>
  key === keys.role || key === keys.serviceAccountRole || key === keys.namespaceDefaultRole;

export const specOf = (key: string, specs: ReadonlyMap<string, AnnotationSpec>): AnnotationSpec | undefined =>
  specs.get(key.startsWith(CONTAINER_ROLE_PREFIX) ? containerRoleKey("<container>") : key);

/** Annotations that have no effect where they are. */
export function straysIn(
  place: Place,
  annotations: Readonly<Record<string, unknown>>,
  keys: Keys,
): readonly Stray[] {
  const specs = annotationsByKey(keys);
  const { on } = place;
  const isStray = (key: string): boolean => {
    const spec = specOf(key, specs);
    if (spec === undefined) return DEFAULT_KEYS.has(key) || isLikeOurs(key);
    // Who names a role in the spelling of each tool has it in the right one, too.
    return !belongs(spec, on) && !(isRoleKey(key, keys) && Object.hasOwn(annotations, roleKeyOn(on, keys)));
  };
  return Object.keys(annotations)
    .filter(isStray)
    .slice(0, STRAYS_MAX)
    .flatMap((key) => {
      const spec = specOf(key, specs);
      return spec === undefined ? unread(key, place, keys, specs) : [misplaced(key, place, keys, spec)];
    });
}

/** Labels with the key of an annotation. */
export function strayLabels(
  { on, name }: Place,
  labels: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, unknown>>,
  keys: Keys,
): readonly Stray[] {
  const specs = annotationsByKey(keys);
  const isStray = (key: string): boolean =>
    specOf(key, specs) !== undefined &&
    !Object.hasOwn(annotations, key) &&
    !(on === "Namespace" && key === NAMESPACE_LABEL.key);
  return Object.keys(labels)
    .filter(isStray)
    .slice(0, STRAYS_MAX)
    .map((key) => ({
      isRole: isRoleKey(key, keys),
      finding: finding(
        "ANNOTATION_MISPLACED",
        `The label ${key.slice(0, 120)}${of(name)} has no effect.`,
        "Make it an annotation.",
      ),
    }));
}

const of = (name: string | undefined): string => (name === undefined ? "" : ` of ${name}`);

const belongs = (spec: AnnotationSpec, on: On): boolean =>
  spec.on === on || (on === "Namespace" && spec.alsoOn !== undefined);

function misplaced(key: string, { on, name }: Place, keys: Keys, spec: AnnotationSpec): Stray {
  const isRole = isRoleKey(key, keys);
  return {
    isRole,
    finding: finding(
      "ANNOTATION_MISPLACED",
      `The annotation ${key.slice(0, 120)}${of(name)} has no effect${name === undefined ? ` on a ${on}` : ""}.`,
      isRole
        ? `Put it on the ${spec.on}, or write ${roleKeyOn(on, keys)} instead.`
        : `Put it on the ${spec.on}.`,
    ),
  };
}

function unread(
  key: string,
  { on, name }: Place,
  keys: Keys,
  specs: ReadonlyMap<string, AnnotationSpec>,
): readonly Stray[] {
  const replaced = (Object.keys(ANNOTATION) as (keyof Keys)[]).find((one) => ANNOTATION[one] === key);
  if (replaced !== undefined) {
    const message = `The annotation ${key}${of(name)} has no effect: this cluster reads ${keys[replaced]} instead.`;
    const remedy = `Rename it to ${keys[replaced]}, or remove it.`;
    return [
      {
        isRole: isRoleKey(keys[replaced], keys),
        finding: finding("ANNOTATION_KEY_REPLACED", message, remedy),
      },
    ];
  }
  const meant = meantBy(key, on, keys, specs);
  if (meant === undefined && !isPodroleKey(key)) return [];
  const remedy = meant === undefined ? "See the annotation reference." : `Did you mean ${meant}?`;
  const message = `The annotation ${key.slice(0, 120)}${of(name)} is unknown and has no effect.`;
  return [
    {
      isRole: meant !== undefined && isRoleKey(meant, keys),
      finding: finding("ANNOTATION_UNKNOWN", message, remedy),
    },
  ];
}

/** The key that was probably meant: of a role, of the same name with another tool's prefix, or the nearest. */
function meantBy(
  key: string,
  on: On,
  keys: Keys,
  specs: ReadonlyMap<string, AnnotationSpec>,
): string | undefined {
  if (isLikeRoleKey(key)) return roleKeyOn(on, keys);
  const name = key.slice(key.indexOf("/"));
  const sameName = (Object.keys(ANNOTATION) as (keyof Keys)[]).find((one) => ANNOTATION[one].endsWith(name));
  const meant =
    isPodroleKey(key) && sameName !== undefined ? keys[sameName] : nearest(key, [...specs.keys()]);
  return meant !== undefined && isRoleKey(meant, keys) ? roleKeyOn(on, keys) : meant;
}
