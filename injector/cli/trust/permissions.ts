import { accountOf, type RoleArn } from "../../model/arn.ts";
import { TAG_ACTION, type Call } from "./assumed.ts";
import { policyOf, type PolicyDocument } from "./document.ts";
import type { Caller } from "./principal.ts";

/** What the caller's own policies have to allow. */
export function permissions(
  role: RoleArn,
  { step: { tags }, sourceIdentity }: Call,
  caller: Caller,
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const more = [
    ...(tags === undefined ? [] : ["sts:TagSession"]),
    ...(sourceIdentity ? ["sts:SetSourceIdentity"] : []),
  ];
  const action = more.length === 0 ? "sts:AssumeRole" : ["sts:AssumeRole", ...more];
  const statement = { Sid: `Assume`, Effect: "Allow", Action: action, Resource: role } as const;
  const needed =
    caller.account === accountOf(role)
      ? "In one account a trust policy that names the caller is enough; this says the same from the caller's side."
      : "Between accounts both sides have to allow the call.";
  const both = sourceIdentity ? " AWS asks both sides for sts:SetSourceIdentity." : "";
  const named = sourceIdentity ? " sts:SetSourceIdentity lets it name the pod's service account." : "";
  const lines = {
    Action: (tags === undefined ? "The call for the role." : TAG_ACTION) + named,
    Resource: `This role alone, and no wildcard: what stands here can be had by whoever becomes the caller. ${needed}${both}`,
  };
  return { ...policyOf([{ statement, lines }]), warnings: [] };
}
