import { spawnSync } from "node:child_process";

/**
 * The Python that has moto, or boto3: `PODROLE_TEST_PYTHON`, else the one on the path. Its own full path, since clients
 * are run with the environment of a pod, which has no PATH to find it by.
 */
export const PYTHON = fullPath(process.env["PODROLE_TEST_PYTHON"] ?? "python3");

export function canImport(module: string): boolean {
  return spawnSync(PYTHON, ["-c", `import ${module}`], { stdio: "ignore", timeout: 60_000 }).status === 0;
}

function fullPath(program: string): string {
  const asked = spawnSync(program, ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" });
  return asked.status === 0 ? asked.stdout.trim() : program;
}

/** An app that prints who it is, or ends with boto3's error. Its argument: the endpoint of STS. */
export const BOTO3_CLIENT = `
import boto3, json, sys
print(json.dumps({"arn": boto3.client("sts", endpoint_url=sys.argv[1]).get_caller_identity()["Arn"]}))
`;
