import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import {
  annotationsByKey,
  containerRoleKey,
  type AnnotationSpec,
  type Keys,
  type On,
} from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import { nearest } from "../model/nearest.ts";

/** podrole's keys, and keys that look like a mistyped one. All others are ignored. */
const PODROLE_KEY = /^podrole\.dev\//;
const LIKE_PODROLE_KEY = /podrole|^iam\.(?:amazon|aws)/;
const DEFAULT_KEYS: ReadonlySet<string> = new Set(Object.values(ANNOTATION));

/** A pod with more such keys was not mistyped, and a search for the nearest known key of each would take seconds. */
const STRAYS_MAX = 20;

/** Warnings about annotations on `object` that would otherwise be silently ignored. */
export function strayAnnotations(
  on: On,
  annotations: Readonly<Record<string, unknown>>,
  keys: Keys = ANNOTATION,
): readonly Finding[] {
  const specs = annotationsByKey(keys);
  const specOf = (key: string): AnnotationSpec | undefined =>
    specs.get(key.startsWith(CONTAINER_ROLE_PREFIX) ? containerRoleKey("<container>") : key);
  const isStray = (key: string): boolean => {
    const spec = specOf(key);
    return spec === undefined ? DEFAULT_KEYS.has(key) || LIKE_PODROLE_KEY.test(key) : !belongs(spec, on);
  };
  return Object.keys(annotations)
    .filter(isStray)
    .slice(0, STRAYS_MAX)
    .flatMap((key) => {
      const spec = specOf(key);
      return spec === undefined ? unread(key, keys, [...specs.keys()]) : [misplaced(key, on, spec)];
    });
}

const belongs = (spec: AnnotationSpec, on: On): boolean =>
  spec.on === on || (on === "Namespace" && spec.alsoOn !== undefined);

const misplaced = (key: string, on: On, spec: AnnotationSpec): Finding =>
  finding(
    "ANNOTATION_MISPLACED",
    `The annotation ${key.slice(0, 120)} has no effect on a ${on}.`,
    `Put it on the ${spec.on}.`,
  );

function unread(key: string, keys: Keys, known: readonly string[]): readonly Finding[] {
  const replaced = (Object.keys(ANNOTATION) as (keyof Keys)[]).find((name) => ANNOTATION[name] === key);
  if (replaced !== undefined) {
    const message = `The annotation ${key} has no effect: this cluster reads ${keys[replaced]} instead.`;
    return [finding("ANNOTATION_KEY_REPLACED", message, `Rename it to ${keys[replaced]}, or remove it.`)];
  }
  const meant = nearest(key, known);
  if (meant === undefined && !PODROLE_KEY.test(key)) return [];
  const remedy = meant === undefined ? "See the annotation reference." : `Did you mean ${meant}?`;
  const message = `The annotation ${key.slice(0, 120)} is unknown and has no effect.`;
  return [finding("ANNOTATION_UNKNOWN", message, remedy)];
}
