import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Facts } from "../../model/facts.ts";
import { ENFORCED_LEVEL, guardMode, isGuardSetting, levelWithoutNetAdmin } from "../../model/guard-mode.ts";
import type { CheckFacts } from "./facts.ts";
import { underPodrole } from "./namespaces.ts";
import { judged, listed, ok, skip, type Results } from "./result.ts";

/** Names that are written out of one group. With --output json there are all. */
const NAMES_MAX = 20;
const MODES = ["block", "verify", "off"] as const;

export const guardModesCheck = ({ namespaces, config, podroleNamespace }: CheckFacts): Results => {
  const code = "GUARD_MODES";
  return judged(code, namespaces, skip(code, "there are no namespaces"), (all) => {
    const ours = underPodrole(all, podroleNamespace);
    if (ours.length === 0) return skip(code, "no namespace is under podrole");
    return MODES.flatMap((mode) => {
      const same = ours.filter((facts) => (guardMode(facts, config) ?? "off") === mode);
      const groups = Map.groupBy(same, (facts) => reasonOf(facts, config));
      return [...groups].map(([reason, group]) => {
        const names = group.map(({ namespace }) => namespace.name);
        const what = mode === "off" ? "No guard" : `Mode ${mode}`;
        const of = names.length <= NAMES_MAX ? "" : ` in ${names.length} namespaces`;
        const rest = names.length <= NAMES_MAX ? "" : " (-o json names all)";
        const more = mode === "verify" ? " With --probe it is tried on the nodes." : "";
        const message = `${what}${of}, since ${reason}: ${listed(names, NAMES_MAX)}${rest}.${more}`;
        return { ...ok(code, message), guard: mode, namespaces: names };
      });
    });
  });
};

/** A clause. Namespaces with the same one are told of together. */
function reasonOf(facts: Facts, { guard }: InjectorConfig): string {
  const annotation = facts.namespace.annotations[ANNOTATION.guard];
  const wanted = annotation ?? guard;
  const level = levelWithoutNetAdmin(facts);
  const by = annotation === undefined ? "the setting guard" : `annotation ${ANNOTATION.guard}`;
  // It may be any text, which its own finding quotes.
  if (!isGuardSetting(wanted)) return `${by} has an invalid value, so no pod is admitted`;
  const label = `label ${ENFORCED_LEVEL}`;
  switch (wanted) {
    case "auto":
      return `${by} is auto and ${level === undefined ? "no label enforces baseline or restricted" : `${label} is ${level}`}`;
    case "block":
      return `${by} is block${level === undefined ? "" : `, although ${label} is ${level}`}`;
    case "verify":
    case "off":
      return `${by} is ${wanted}`;
  }
}
