import { createHash } from "node:crypto";

/**
 * Label of a pod whose role a RoleGrant allowed. With it, the controller finds these pods in one list of the whole cluster.
 * No decision depends on it: every user who may label pods can set or remove it.
 */
export const GRANT_LABEL = "podrole.dev/grant";

/** Kubernetes' limit for a label's value; a RoleGrant's name may have 253 characters. */
const VALUE_MAX = 63;
const HASH_LENGTH = 16;

/** The label's value for a grant: its name, which has no character that a label could not have, or a part of it and a hash. */
export function grantLabelValue(name: string): string {
  if (name.length <= VALUE_MAX) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  const start = name.slice(0, VALUE_MAX - HASH_LENGTH - 1).replace(/[^a-z0-9]+$/, "");
  return `${start}-${hash}`;
}

const RULE = /^RoleGrant (\S+)$/;

/** How a grant is named in a role decision's `rule`. */
export const ruleOfGrant = (name: string): string => `RoleGrant ${name}`;

/** The grant that a rule names, or undefined for a rule that is no grant. */
export const grantOfRule = (rule: string): string | undefined => RULE.exec(rule)?.[1];
