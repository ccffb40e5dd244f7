/** Parts of paths to the node's credentials, to proofs of its identity, or to its user data. */
const NEVER = [
  "user-data",
  "iam",
  "identity-credentials",
  "managed-ssh-keys",
  "pkcs7",
  "rsa2048",
  "signature",
];

/**
 * Checks a path of the node's metadata service that emulated pods may read: a leaf below a version, in EC2's spelling.
 * @throws Error that says what is wrong, to follow the name of the setting
 */
export function nodePath(raw: string): string {
  const parts = raw.split("/");
  if (!/^(?:meta-data|dynamic)(?:\/[a-z0-9][a-z0-9:.-]*)+$/.test(raw)) {
    throw new Error("must be paths such as meta-data/placement/availability-zone, separated by commas");
  }
  const forbidden = NEVER.find((name) => parts.includes(name));
  if (forbidden !== undefined) throw new Error(`may name no path with ${forbidden} in it`);
  return raw;
}
