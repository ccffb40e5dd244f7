/**
 * IAM's grammar for role names and ARNs (API reference of IAM: Role, CreateRole). A value that has this type has been
 * parsed, so no newline, no look-alike letter and no wildcard can reach a policy decision.
 */
export type RoleArn = string & { readonly __brand: "RoleArn" };

/**
 * What a role's name is put behind to make an ARN: `arn:aws:iam::111122223333:role/`, with a path as in `…:role/teams/`, or
 * with the beginning of a name as in `…:role/prod-`.
 */
export type BaseRoleArn = string & { readonly __brand: "BaseRoleArn" };

/** aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-eusc and those to come. */
const PARTITION = "aws(?:-[a-z]{1,12}){0,3}";
/** No `.` or `..` as a segment: to IAM it is a name, but a proxy on the way may resolve it. */
const NO_DOTS = "(?!\\.{1,2}(?:/|$))";
/** RoleName: 1 to 64 of these. `\w` is ASCII only without the `u` flag, which is what IAM means by it. */
const NAME = `${NO_DOTS}[\\w+=,.@-]{1,64}`;
/**
 * Path: segments between slashes. IAM accepts any printable ASCII in them. podrole accepts only the characters of a name,
 * so that policies and the sidecar (steps.ts) never see a `*`, `?`, `:` or quote.
 */
const PATH = `(?:${NO_DOTS}[\\w+=,.@-]{1,128}/){0,16}`;

const ROLE_ARN = new RegExp(`^arn:(${PARTITION}):iam::(\\d{12}):role/${PATH}(${NAME})$`);
/** A beginning of a name ends in a character that a path would not end in: see {@link parseBaseRoleArn}. */
const BASE_ROLE_ARN = new RegExp(
  `^arn:${PARTITION}:iam::\\d{12}:role/${PATH}(?:[\\w+=,.@-]{0,62}[_+=,.@-])?$`,
);
const PATH_AND_NAME = new RegExp(`^/?(${PATH}${NAME})$`);

export function parseRoleArn(raw: string): RoleArn | undefined {
  return raw.length <= 660 && ROLE_ARN.test(raw) ? (raw as RoleArn) : undefined;
}

/**
 * kube2iam adds a slash where there is none, also behind `…:role`; kiam adds nothing, so that with `…:role/prod-` the name
 * `reader` is the role `prod-reader`. `…:role/prod` could mean `prod/reader` or `prodreader`: it is refused.
 */
export function parseBaseRoleArn(raw: string): BaseRoleArn | undefined {
  const base = raw.endsWith(":role") ? `${raw}/` : raw;
  return base.length <= 600 && BASE_ROLE_ARN.test(base) ? (base as BaseRoleArn) : undefined;
}

/** A managed policy: AWS's own, or an account's. */
export type PolicyArn = string & { readonly __brand: "PolicyArn" };

const POLICY_ARN = new RegExp(
  `^arn:(${PARTITION}):iam::(aws|\\d{12}):policy/${PATH}${NO_DOTS}[\\w+=,.@-]{1,128}$`,
);

export function parsePolicyArn(raw: string): PolicyArn | undefined {
  return raw.length <= 660 && POLICY_ARN.test(raw) ? (raw as PolicyArn) : undefined;
}

/** Whether a session of the role may name the policy: STS takes those of the role's own account, and AWS's own. */
export function policyServes(policy: PolicyArn, role: RoleArn): boolean {
  const [, partition, account] = POLICY_ARN.exec(policy) ?? [];
  return partition === partitionOf(role) && (account === "aws" || account === accountOf(role));
}

/** The role that an annotation names: an ARN, a name that needs a base ARN, or no valid role. */
export type NamedRole =
  | { readonly kind: "arn"; readonly arn: RoleArn }
  | { readonly kind: "needs-base" }
  | { readonly kind: "malformed" };

export function namedRole(raw: string, base: BaseRoleArn | undefined): NamedRole {
  if (raw.startsWith("arn:")) {
    const arn = parseRoleArn(raw);
    return arn === undefined ? { kind: "malformed" } : { kind: "arn", arn };
  }
  const pathAndName = raw.length <= 580 ? PATH_AND_NAME.exec(raw)?.[1] : undefined;
  if (pathAndName === undefined) return { kind: "malformed" };
  if (base === undefined) return { kind: "needs-base" };
  const arn = parseRoleArn(withBase(base, raw));
  return arn === undefined ? { kind: "malformed" } : { kind: "arn", arn };
}

/**
 * A path and name behind the base. `role/reader` is the end of an ARN that was copied without its beginning: it means the role
 * `reader` of the base's account, and not `role/role/reader`. A path that is named so is written `/role/reader`.
 */
const withBase = (base: BaseRoleArn, pathAndName: string): string =>
  pathAndName.startsWith("role/")
    ? base.replace(/:role\/.*$/, `:${pathAndName}`)
    : base + pathAndName.replace(/^\//, "");

/** The account of an ARN: twelve digits. */
export const accountOf = (arn: RoleArn): string => ROLE_ARN.exec(arn)?.[2] ?? "";

export const partitionOf = (arn: RoleArn): string => ROLE_ARN.exec(arn)?.[1] ?? "aws";

/** A region of the role's partition, for STS calls where nobody has named one. */
export function fallbackRegion(arn: RoleArn): string {
  switch (partitionOf(arn)) {
    case "aws-cn":
      return "cn-north-1";
    case "aws-us-gov":
      return "us-gov-west-1";
    case "aws-iso":
      return "us-iso-east-1";
    case "aws-iso-b":
      return "us-isob-east-1";
    case "aws-iso-e":
      return "eu-isoe-west-1";
    case "aws-iso-f":
      return "us-isof-south-1";
    case "aws-eusc":
      return "eusc-de-east-1";
    default:
      return "us-east-1";
  }
}
