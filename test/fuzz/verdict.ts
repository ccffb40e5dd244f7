import jsonPatch, { type Operation } from "fast-json-patch";
import { isRecord, own, type Fields } from "../../injector/model/read.ts";
import { operationsOf, problemsOf } from "../injector/property/strict-review.ts";
import { debugProblems, isLeftAlone, unguarded, type GuardSettings } from "./guarded.ts";
import type { FuzzedReview } from "./reviews.ts";

export type Kind = "patched" | "allowed" | "denied";

export interface Verdict {
  readonly kind: Kind;
  /** What is wrong with the answer; empty if nothing is. */
  readonly problems: readonly string[];
}

/** Judges the injector's answer to a well-formed review. */
export function verdict(
  review: FuzzedReview,
  status: number,
  text: string,
  settings: GuardSettings,
): Verdict {
  if (status !== 200) return { kind: "denied", problems: [`HTTP ${status}: ${text.slice(0, 200)}`] };
  const answer = parsed(text);
  const problems = problemsOf(answer, review.uid);
  const response = own(answer, "response");
  if (problems.length > 0 || !isRecord(response) || own(response, "allowed") !== true)
    return { kind: "denied", problems };
  const operations = operationsOf(answer) as readonly Operation[];
  return {
    kind: operations.length > 0 ? "patched" : "allowed",
    problems: admittedProblems(review, operations, settings),
  };
}

function parsed(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function admittedProblems(
  review: FuzzedReview,
  operations: readonly Operation[],
  settings: GuardSettings,
): readonly string[] {
  const { operation, resource, space, object, oldObject, username } = review;
  const isPod = resource === "pods" && operation === "CREATE";
  const isDebugged = resource === "pods/ephemeralcontainers" && operation === "UPDATE";
  if (!isPod && !isDebugged) return operations.length > 0 ? ["a patch for something else than a pod"] : [];
  if (space === undefined) return ["admitted to a namespace that does not exist"];
  if (!space.labelled) return operations.length > 0 ? ["a patch outside of podrole's namespaces"] : [];
  if (space.annotations["podrole.dev/guard"] === "off") return [];
  if (isPod)
    return isLeftAlone(object, username) ? [] : unguarded(patched(object, operations), space, settings);
  return debugProblems(oldObject, object, patched(object, operations));
}

/** The pod of a creation as the answer leaves it; undefined if the answer patches nothing. */
export function patchedPod(object: Fields, text: string): Fields | undefined {
  const operations = operationsOf(parsed(text)) as readonly Operation[];
  const after = operations.length === 0 ? undefined : patched(object, operations);
  return isRecord(after) ? after : undefined;
}

/** The object as the API server would store it. The patch is applied to a copy. */
function patched(object: unknown, operations: readonly Operation[]): unknown {
  if (operations.length === 0) return object;
  return jsonPatch.applyPatch(JSON.parse(JSON.stringify(object)), operations, true, true, false)
    .newDocument as unknown;
}
