/** Parts of a role's ARN that has been checked already. */

/** Twelve digits. */
export const accountId = (roleArn: string): string => roleArn.split(":")[4] ?? "";

/** As IAM's commands and EC2's metadata service take it: the last part, without the role's path. */
export const roleName = (roleArn: string): string => roleArn.slice(roleArn.lastIndexOf("/") + 1);
