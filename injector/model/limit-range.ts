import { fieldsIn, metadataOf, nameOf, own, recordsIn, type Fields } from "./read.ts";
import { RESOURCES, type Resource } from "./resource-amounts.ts";

/** Quantities of CPU and memory, as far as they are set. */
export type Quantities = Readonly<Partial<Record<Resource, string>>>;

/** What a LimitRange asks of containers, or of pods as a whole. */
export interface LimitRangeItem {
  readonly type: "Container" | "Pod";
  readonly min: Quantities;
  readonly max: Quantities;
  readonly maxLimitRequestRatio: Quantities;
  /** The limits and requests that the API server gives to a container without. */
  readonly default: Quantities;
  readonly defaultRequest: Quantities;
}

/** The part of a LimitRange that concerns CPU and memory of pods. */
export interface LimitRange {
  readonly namespace: string;
  readonly name: string;
  readonly limits: readonly LimitRangeItem[];
}

/** @param object as the API server holds it, or from a manifest: then with the defaults that the API server would write */
export function readLimitRange(object: Fields): LimitRange {
  const namespace = own(metadataOf(object), "namespace");
  return {
    namespace: typeof namespace === "string" ? namespace : "default",
    name: nameOf(object),
    limits: recordsIn(fieldsIn(object, "spec"), "limits").flatMap(itemOf),
  };
}

function itemOf(item: Fields): readonly LimitRangeItem[] {
  const type = own(item, "type");
  if (type !== "Container" && type !== "Pod") return [];
  const [min, max] = [quantitiesIn(item, "min"), quantitiesIn(item, "max")];
  const maxLimitRequestRatio = quantitiesIn(item, "maxLimitRequestRatio");
  if (type === "Pod") return [{ type, min, max, maxLimitRequestRatio, default: {}, defaultRequest: {} }];
  // As SetDefaults_LimitRangeItem in Kubernetes' pkg/apis/core/v1/defaults.go.
  const limits = { ...max, ...quantitiesIn(item, "default") };
  const defaultRequest = { ...min, ...limits, ...quantitiesIn(item, "defaultRequest") };
  return [{ type, min, max, maxLimitRequestRatio, default: limits, defaultRequest }];
}

/** In YAML a quantity may be a number. */
export function quantitiesIn(object: Fields, key: string): Quantities {
  const fields = fieldsIn(object, key);
  return Object.fromEntries(
    RESOURCES.flatMap((resource): [Resource, string][] => {
      const value = own(fields, resource);
      return typeof value === "string" || typeof value === "number" ? [[resource, String(value)]] : [];
    }),
  );
}

/** A look-up of the LimitRanges of a namespace, sorted by name. */
export function limitRangesByNamespace(
  all: Iterable<LimitRange>,
): (namespace: string) => readonly LimitRange[] {
  const sorted = [...all].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const grouped = Map.groupBy(sorted, ({ namespace }) => namespace);
  return (namespace) => grouped.get(namespace) ?? [];
}
