import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { canImport, PYTHON } from "../sdk/python.ts";
import { S3_PORT, STS_PORT, type Owner } from "./names.ts";
import { runs } from "./requirements.ts";

/** A program as people run it in a pod. It prints whose keys it was given, in some way of its own. */
export interface Client {
  readonly name: string;
  readonly argv: readonly string[];
  /** Undefined where this machine has it. */
  readonly missing: string | undefined;
  /** What it prints with this owner's keys, and with nobody else's. */
  readonly prints: (owner: Owner) => string;
}

const STS = `http://127.0.0.1:${STS_PORT}`;
const S3 = `127.0.0.1:${S3_PORT}`;

const BOTO3 = `
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
`;

const JS_V2 = `
const { STS } = require(process.argv[1]);
new STS({ endpoint: "${STS}" }).getCallerIdentity((error, data) => console.log(error ? error.message : data.Arn));
`;
/** Where \`aws-sdk\` was installed with npm, which is no dependency of the project. */
const JS_V2_FOLDER = process.env["PODROLE_TEST_AWS_SDK_V2"];

const session = (owner: Owner): string => owner.session;

export const CLIENTS: readonly Client[] = [
  {
    name: "AWS SDK for JavaScript v3",
    argv: [process.execPath, fileURLToPath(new URL("../support/sdk-client.ts", import.meta.url)), STS],
    missing: undefined,
    prints: session,
  },
  {
    name: "AWS SDK for JavaScript v2",
    argv: [process.execPath, "-e", JS_V2, jsV2() ?? ""],
    missing: jsV2() === undefined ? "no aws-sdk in PODROLE_TEST_AWS_SDK_V2" : undefined,
    prints: session,
  },
  {
    name: "boto3",
    argv: [PYTHON, "-c", BOTO3],
    missing: canImport("boto3") ? undefined : "no boto3",
    prints: session,
  },
  {
    name: "AWS CLI",
    argv: [PYTHON, "-m", "awscli", "sts", "get-caller-identity", "--output", "text"],
    missing: canImport("awscli") ? undefined : "no awscli",
    prints: session,
  },
  {
    name: "rclone, on the AWS SDK for Go",
    argv: words(
      "rclone --config /dev/null --retries 1 --low-level-retries 1 lsd :s3:",
      `--s3-env-auth --s3-provider Other --s3-region eu-west-1 --s3-endpoint http://${S3}`,
    ),
    missing: runs("rclone", "version") ? undefined : "no rclone",
    prints: ({ role }) => role,
  },
  {
    name: "s3cmd",
    argv: words(`s3cmd --config /dev/null --no-ssl --host ${S3} --host-bucket ${S3} ls`),
    missing: runs("s3cmd", "--version") ? undefined : "no s3cmd",
    prints: ({ role }) => `s3://${role}`,
  },
];

function words(...lines: readonly string[]): readonly string[] {
  return lines.join(" ").split(" ");
}

function jsV2(): string | undefined {
  if (JS_V2_FOLDER === undefined) return undefined;
  try {
    return createRequire(`${JS_V2_FOLDER}/`).resolve("aws-sdk");
  } catch {
    return undefined;
  }
}
