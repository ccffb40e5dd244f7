import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import { jsonObjects } from "../../input/json.ts";
import { givenPolicy, type GivenPolicy } from "../../trust/against/role-output.ts";

/** A role as AWS has it. */
export interface KnownRole {
  readonly given: GivenPolicy;
  /** Its trust policy as it is. */
  readonly document: Fields;
}

/** Where a list of roles stands: `aws iam list-roles`, and `aws iam get-account-authorization-details`. */
const LISTS = ["Roles", "RoleDetailList"];

/**
 * The roles that `aws iam list-roles` prints, by ARN, of one account after the other; also those of `get-role` and
 * `get-account-authorization-details`.
 * @throws CodedError `ROLES_INVALID`, `POLICY_INVALID`
 */
export function parseRoles(text: string, name: string): ReadonlyMap<string, KnownRole> {
  const roles = jsonObjects(text).flatMap((piece) => {
    const value = parsed(piece, name);
    const list = LISTS.map((key) => own(value, key)).find(Array.isArray) ?? [own(value, "Role")];
    return list.filter(isRecord);
  });
  if (roles.length === 0) throw invalid(name, "it has no roles");
  return new Map(roles.flatMap(knownRole));
}

/** None for a role that no pod could have, or whose policy IAM would not take: an account has roles of all kinds. */
function knownRole(role: Fields): readonly (readonly [string, KnownRole])[] {
  try {
    const given = givenPolicy(JSON.stringify(role));
    const document = own(role, "AssumeRolePolicyDocument");
    const value: unknown = typeof document === "string" ? JSON.parse(fromUrl(document)) : document;
    return given.role === undefined || !isRecord(value) ? [] : [[given.role, { given, document: value }]];
  } catch {
    return [];
  }
}

/** {@link givenPolicy} has read the same text. */
const fromUrl = (text: string): string =>
  text.startsWith("%") ? decodeURIComponent(text.replaceAll("+", "%20")) : text;

function parsed(text: string, name: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw invalid(name, "it is no JSON object");
}

const invalid = (name: string, why: string): CodedError =>
  new CodedError("ROLES_INVALID", `${name} does not list roles: ${why}.`, {
    remedy: "Give what aws iam list-roles --output json prints.",
  });
