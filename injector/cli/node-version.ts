/**
 * The oldest Node that the command line runs on: undici, which the Kubernetes client brings, needs it. The images and the
 * tests have a newer one.
 */
export const OLDEST_NODE = "22.19.0";

/**
 * What to say in a Node that is too old, or undefined. It imports nothing, and its syntax is that of Node 16.
 * @param version such as v20.11.1
 */
export function unfitNode(version: string, program: string): string | undefined {
  const [major = 0, minor = 0] = numbers(version);
  const [oldestMajor = 0, oldestMinor = 0] = numbers(OLDEST_NODE);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `NODE_TOO_OLD: podrole needs Node ${oldestMajor}.${oldestMinor} or newer, and ${program} is Node ${version.slice(1)}.`;
}

const numbers = (version: string): readonly number[] => version.replace("v", "").split(".").map(Number);
