/** Parts of a role's ARN. The ARN is known to be valid. */

/** Twelve digits. */
export const accountId = (roleArn: string): string => roleArn.split(":")[4] ?? "";

/** The last part, without the role's path, as IAM's commands and EC2's metadata service use it. */
export const roleName = (roleArn: string): string => roleArn.slice(roleArn.lastIndexOf("/") + 1);
