import { CodedError } from "../../../sidecar/kit/errors.ts";
import { accountOf, parseRoleArn, partitionOf, type RoleArn } from "../../model/arn.ts";

/** Who calls AssumeRole: a role, a user, or a whole account. */
export interface Caller {
  readonly arn: string;
  readonly kind: "role" | "user" | "account";
  readonly partition: string;
  readonly account: string;
  /** Without its path, as the CLI takes it; empty for an account. */
  readonly name: string;
}

const ARN =
  /^arn:(?<partition>aws(?:-[a-z]{1,12}){0,3}):iam::(?<account>\d{12}):(?<resource>root|user\/(?:[\w+=,.@-]{1,128}\/){0,16}[\w+=,.@-]{1,64})$/;
const SESSION =
  /^arn:(?<partition>aws[a-z-]{0,40}):sts::(?<account>\d{12}):assumed-role\/(?<role>[\w+=,.@-]{1,64})\//;

/** The name of a role without its path. */
export const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1);

export const accountOfArn = (arn: string): string => arn.split(":")[4] ?? "";

/**
 * By what AWS's commands tell a role or user apart: its name occurs once in an account, whatever its path and capitals (CreateRole in
 * IAM's reference). Of several ARNs with one key one exists at most.
 */
export const nameKeyOf = (arn: string): string => {
  const [kind = ""] = (arn.split(":")[5] ?? "").split("/");
  return `${accountOfArn(arn)} ${kind} ${nameOf(arn).toLowerCase()}`;
};

export const callerOfRole = (arn: RoleArn): Caller => ({
  arn,
  kind: "role",
  partition: partitionOf(arn),
  account: accountOf(arn),
  name: nameOf(arn),
});

/** @throws CodedError `PRINCIPAL_INVALID` */
export function parsePrincipal(raw: string): Caller {
  const role = parseRoleArn(raw);
  if (role !== undefined) return callerOfRole(role);
  const { partition = "", account, resource = "" } = ARN.exec(raw)?.groups ?? {};
  if (account !== undefined) {
    return resource === "root"
      ? { arn: raw, kind: "account", partition, account, name: "" }
      : { arn: raw, kind: "user", partition, account, name: nameOf(raw) };
  }
  throw new CodedError(
    "PRINCIPAL_INVALID",
    `${JSON.stringify(raw.slice(0, 200))} is not the ARN of a role or user.`,
    { remedy: remedyFor(raw) },
  );
}

function remedyFor(raw: string): string {
  const { partition, account, role } = SESSION.exec(raw)?.groups ?? {};
  if (role !== undefined) {
    return `That is a session, which ends. Give its role: arn:${partition}:iam::${account}:role/${role} (with its path, if it has one).`;
  }
  if (raw.includes(":instance-profile/")) {
    return "Give the role in the instance profile: aws iam get-instance-profile --instance-profile-name NAME --query InstanceProfile.Roles[].Arn.";
  }
  if (raw.includes("*"))
    return "A principal is one role or user: with a wildcard anybody could assume the role.";
  return "Write it as arn:aws:iam::111122223333:role/NAME or :user/NAME.";
}

/** @throws CodedError `PARTITIONS_DIFFER` */
export function samePartition(role: RoleArn, partition: string, arn: string): void {
  if (partitionOf(role) === partition) return;
  throw new CodedError(
    "PARTITIONS_DIFFER",
    `${role} cannot trust ${arn}: they are of different AWS partitions.`,
    {
      remedy: "Give both of one partition: roles of aws, aws-cn and aws-us-gov do not know each other.",
    },
  );
}
