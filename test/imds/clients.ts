import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build, type Built } from "../sdk/build.ts";
import { CLIENTS as SDK_CLIENTS } from "../sdk/clients.ts";
import { canImport, PYTHON } from "../sdk/python.ts";
import { NODE_IP, S3_PORT, STS_PORT, type Owner } from "./names.ts";
import { runs, whyNot } from "./requirements.ts";

/** A program as people run it in a pod. It prints whose keys it got, each in its own way. */
export interface Client {
  readonly name: string;
  readonly argv: readonly string[];
  /** Why this machine cannot run it, or undefined. */
  readonly missing: string | undefined;
  /** What it prints with this owner's keys, and with nobody else's. */
  readonly prints: (owner: Owner) => string;
}

const STS = `http://${NODE_IP}:${STS_PORT}`;
const S3 = `${NODE_IP}:${S3_PORT}`;

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

/** Not built if the suite is skipped. */
const reason = whyNot();
const goV1: Built = reason === undefined ? await built("go-v1") : { kind: "skipped", reason };

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
    name: "AWS SDK for Go v1",
    argv: goV1.kind === "ready" ? goV1.argv : [],
    missing: goV1.kind === "skipped" ? goV1.reason : undefined,
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

/**
 * A program of test/sdk/clients, which makes one call for each line that it is given.
 * @throws Error when it cannot be built through a fault of the project
 */
async function built(id: string): Promise<Built> {
  const client = SDK_CLIENTS.find((one) => one.id === id);
  if (client === undefined) throw new Error(`test/sdk has no client ${id}`);
  const made = await build(client);
  if (made.kind === "failed") throw new Error(made.output);
  return made;
}

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
