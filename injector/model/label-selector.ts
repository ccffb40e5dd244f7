import { isRecord, own, strings, stringMap } from "./read.ts";

/** A label selector as Kubernetes writes it (meta/v1 LabelSelector). */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

/** An empty selector selects everything, as everywhere in Kubernetes. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const value = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const byLabels = Object.entries(selector.matchLabels ?? {}).every(([key, wanted]) => value(key) === wanted);
  return (
    byLabels &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const actual = value(key);
      switch (operator) {
        case "In":
          return actual !== undefined && values.includes(actual);
        case "NotIn":
          return actual === undefined || !values.includes(actual);
        case "Exists":
          return actual !== undefined;
        case "DoesNotExist":
          return actual === undefined;
      }
    })
  );
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/**
 * @param invalid makes the error to throw, from the reason
 */
export function parseSelector(selector: unknown, at: string, invalid: (why: string) => Error): LabelSelector {
  if (!isRecord(selector)) throw invalid(`${at} is not an object`);
  const unknown = Object.keys(selector).filter((key) => key !== "matchLabels" && key !== "matchExpressions");
  // Without its unknown key it would be the empty selector, which selects every namespace.
  if (unknown.length > 0) throw invalid(`${at} has the unknown field ${unknown[0]}`);
  const labels = own(selector, "matchLabels") ?? {};
  if (!isRecord(labels) || !Object.values(labels).every((value) => typeof value === "string")) {
    throw invalid(`${at}.matchLabels is not a map of strings`);
  }
  const expressions = own(selector, "matchExpressions") ?? [];
  if (!Array.isArray(expressions)) throw invalid(`${at}.matchExpressions is not a list`);
  const matchExpressions = expressions.map((entry: unknown) => {
    const key = isRecord(entry) ? own(entry, "key") : undefined;
    const operator = isRecord(entry)
      ? OPERATORS.find((known) => known === own(entry, "operator"))
      : undefined;
    if (!isRecord(entry) || typeof key !== "string" || operator === undefined) {
      throw invalid(`${at}.matchExpressions holds an entry without key or operator`);
    }
    const raw = own(entry, "values") ?? [];
    const values = strings(raw);
    const wanting = (operator === "In" || operator === "NotIn") && values.length === 0;
    // NotIn with no values would select every namespace.
    if (!Array.isArray(raw) || values.length !== raw.length || wanting) {
      throw invalid(`${at}.matchExpressions has ${operator} for ${key} without values that are strings`);
    }
    return { key, operator, values };
  });
  return { matchLabels: stringMap(labels), matchExpressions };
}
