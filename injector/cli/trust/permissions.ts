import { accountOf, type RoleArn } from "../../model/arn.ts";
import { TAG_ACTION, type Call } from "./assumed.ts";
import { policyOf, type PolicyDocument } from "./document.ts";
import type { Caller } from "./principal.ts";

/** What the caller's own policies have to allow: one statement for all roles that need the same. */
export function permissions(
  calls: readonly Call[],
  caller: Caller,
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const alike = new Map<string, Permission & { readonly roles: RoleArn[] }>();
  for (const call of calls) {
    const permission = permissionOf(call, caller);
    const key = JSON.stringify(permission);
    const group = alike.get(key) ?? { ...permission, roles: [] };
    if (!group.roles.includes(call.role)) group.roles.push(call.role);
    alike.set(key, group);
  }
  const parts = [...alike.values()].map(({ action, lines, roles }, index) => {
    const [first = "", ...others] = roles;
    const Resource = others.length === 0 ? first : roles;
    const Sid = alike.size === 1 ? "Assume" : `Assume${index + 1}`;
    return { statement: { Sid, Effect: "Allow", Action: action, Resource } as const, lines };
  });
  return { ...policyOf(parts), warnings: [] };
}

interface Permission {
  readonly action: string | readonly string[];
  readonly lines: { readonly Action: string; readonly Resource: string };
}

function permissionOf({ role, step: { tags }, sourceIdentity }: Call, caller: Caller): Permission {
  const more = [
    ...(tags === undefined ? [] : ["sts:TagSession"]),
    ...(sourceIdentity ? ["sts:SetSourceIdentity"] : []),
  ];
  const needed =
    caller.account === accountOf(role)
      ? "In one account a trust policy that names the caller is enough; this says the same from the caller's side."
      : "Between accounts both sides have to allow the call.";
  const both = sourceIdentity ? " AWS asks both sides for sts:SetSourceIdentity." : "";
  const named = sourceIdentity ? " sts:SetSourceIdentity lets it name the pod's service account." : "";
  return {
    action: more.length === 0 ? "sts:AssumeRole" : ["sts:AssumeRole", ...more],
    lines: {
      Action: (tags === undefined ? "The call for the role." : TAG_ACTION) + named,
      Resource: `No more roles than needed, and no wildcard: what stands here can be had by whoever becomes the caller. ${needed}${both}`,
    },
  };
}
