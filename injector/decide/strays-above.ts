import type { InjectorConfig } from "../config/installation.ts";
import { annotationsByKey } from "../model/annotations.ts";
import { finding, type Finding } from "../model/findings.ts";
import { isLikeRoleKey } from "../model/odd-keys.ts";
import { fieldsIn, metadataOf, type Fields } from "../model/read.ts";
import { kindOf, templateOf } from "../model/workload.ts";
import { isRoleKey, specOf } from "./stray-annotations.ts";

/**
 * Annotations that are on a workload itself, or on the jobs of a CronJob, and of which its pods get nothing: at most one finding for
 * each of these places. What the pod template has too was copied, or is meant for another tool.
 */
export function straysAbove(object: Fields, { keys }: Pick<InjectorConfig, "keys">): readonly Finding[] {
  const template = templateOf(object);
  if (template === undefined || template.above.length === 0) return [];
  const below = fieldsIn(metadataOf(template.pod), "annotations");
  const specs = annotationsByKey(keys);
  const isStray = (key: string): boolean =>
    specOf(key, specs)?.on === "Pod"
      ? key !== keys.status && !Object.hasOwn(below, key)
      : (isRoleKey(key, keys) || isLikeRoleKey(key)) && !Object.hasOwn(below, keys.role);
  const strays = template.above.map(({ path, metadata }) => ({
    path,
    found: [
      ...Object.keys(fieldsIn(metadata, "annotations")).filter(isStray),
      ...Object.keys(fieldsIn(metadata, "labels")).filter(
        (key) => specOf(key, specs)?.on === "Pod" && isStray(key),
      ),
    ],
  }));
  const target = `${template.path}.metadata.annotations`;
  return strays.flatMap(({ path, found }) => {
    if (found.length === 0) return [];
    const names = [...new Set(found)].slice(0, 4).map((key) => key.slice(0, 120));
    const isOne = names.length === 1;
    const where = path === "" ? `the ${kindOf(object)} itself` : `the ${kindOf(object)}'s ${path}`;
    const message = `${names.join(" and ")} on ${where} ${isOne ? "has" : "have"} no effect on its pods.`;
    const isKnown = found.every((key) => specOf(key, specs)?.on === "Pod");
    const remedy = isKnown
      ? `Put ${isOne ? "it" : "them"} into ${target}.`
      : `Write ${keys.role} into ${target}, or ${keys.serviceAccountRole} on the service account.`;
    return [finding("ANNOTATION_MISPLACED", message, remedy)];
  });
}
