import type { InjectorConfig } from "../../../config/installation.ts";
import { namespaceSettings } from "../../../decide/namespace-settings.ts";
import { annotation } from "../../../model/annotations.ts";
import type { Facts } from "../../../model/facts.ts";
import { coversNamespace } from "../../../model/grant.ts";
import { underPodrole } from "../namespaces.ts";
import { judged, listed, ok, skip, warn, type Results } from "../result.ts";
import { whereUsed } from "./used.ts";

/** Names that are written out. With --output json there are all. */
const NAMES_MAX = 20;

/** Roles trust the broker for pods of every namespace, so it refuses where no rule says anything. */
export const brokerGrantsCheck = whereUsed(({ namespaces, grants, config, podroleNamespace }): Results => {
  const code = "BROKER_GRANTS";
  return judged(code, grants, skip(code, "the CRD RoleGrant is not installed"), () =>
    judged(code, namespaces, skip(code, "there are no namespaces"), (all) => {
      const ours = underPodrole(all, podroleNamespace).filter(
        (facts) => namespaceSettings(facts, config).source === "broker",
      );
      if (ours.length === 0) return skip(code, "no namespace under podrole has source broker");
      const names = ours.filter((facts) => !hasRule(facts, config)).map(({ namespace }) => namespace.name);
      if (names.length === 0) return ok(code, "In each namespace of source broker some rule allows a role.");
      const rest = names.length <= NAMES_MAX ? "" : " (-o json names all)";
      const message = `No rule allows any role in ${listed(names, NAMES_MAX)}${rest}: with source broker, every pod there that asks for one is refused.`;
      const remedy = `Allow roles by a RoleGrant for the namespace, or by its annotation ${config.keys.namespaceAllowedRoles}.`;
      return { ...warn(code, message, remedy), namespaces: names };
    }),
  );
});

/** A rule that allows nothing, since it cannot be read, is told of by podrole explain. */
const hasRule = ({ namespace, grants }: Facts, { keys, defaultRole }: InjectorConfig): boolean =>
  defaultRole !== undefined ||
  [keys.namespaceAllowedRoles, keys.namespacePermitted].some(
    (key) => annotation(namespace.annotations, key) !== undefined,
  ) ||
  grants.some((grant) => grant.effect === "Allow" && coversNamespace(grant, namespace));
