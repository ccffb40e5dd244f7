import { type RoleArn, parseRoleArn } from "../model/arn.ts";
import { covers } from "../model/grant.ts";
import type { Facts } from "../model/facts.ts";

/** The role that grants give to pods that name none; the first grant by name where several do. */
export function grantDefault(
  facts: Facts,
  serviceAccount: string,
): { readonly arn: RoleArn; readonly grant: string; readonly others: readonly string[] } | undefined {
  const candidates = facts.grants
    .filter((grant) => grant.effect === "Allow" && covers(grant, facts.namespace, serviceAccount))
    .flatMap(({ name, default: raw }) => {
      const arn = raw === undefined ? undefined : parseRoleArn(raw);
      return arn === undefined ? [] : [{ arn, grant: name }];
    })
    .sort((a, b) => (a.grant < b.grant ? -1 : 1));
  const [first, ...others] = candidates;
  return first && { ...first, others: others.map(({ grant }) => grant) };
}
