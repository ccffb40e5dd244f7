import { hostOf } from "../kit/address.ts";
import { httpOrigin, optional } from "../kit/env.ts";
import { errorName } from "../kit/errors.ts";
import { getWithToken, newToken, type AskNode } from "../kit/imds-v2.ts";
import { isRecord, parseJson } from "../kit/json.ts";
import { plainRequest } from "../kit/plain-request.ts";
import { isKeyText, Secret } from "../kit/secret.ts";
import type { Keys } from "../sts/client.ts";
import { issuerOf } from "../sts/chain.ts";
import { IssueError } from "../sts/issue-error.ts";
import { defineSource } from "./source.ts";

/** The node's instance role, from its metadata service by IMDSv2. Its keys change, so each attempt asks again. */
export const node = defineSource({
  // AWS's own name. In a pod nobody can set it: the admission policy knows all variables of the sidecar.
  settings: {
    service: optional("AWS_EC2_METADATA_SERVICE_ENDPOINT", httpOrigin, "http://169.254.169.254"),
  },
  callsSts: true,
  firstAction: "AssumeRole",
  reachesMetadata: true,
  issuer: ({ service }, chain) =>
    issuerOf(async () => ({ kind: "keys", keys: await instanceRole(askAt(service)) }), chain),
});

const TIMEOUT_MS = 1000;
const ROLES = "meta-data/iam/security-credentials/";

export const askAt = (service: string): AskNode => {
  const { port } = new URL(service);
  const address = hostOf(service);
  return (question) =>
    plainRequest({ ...question, address, port: Number(port || 80), timeoutMs: TIMEOUT_MS });
};

export interface InstanceRole extends Required<Keys> {
  /** In milliseconds since the epoch; not a number if the document does not say. */
  readonly expiresAt: number;
}

/**
 * As EC2's user guide has it under "Retrieve security credentials from instance metadata".
 * @throws IssueError `NODE_IDENTITY_UNAVAILABLE`
 */
export async function instanceRole(ask: AskNode): Promise<InstanceRole> {
  const token = await newToken(ask).catch((error: unknown) => {
    throw unavailable(errorName(error));
  });
  if (typeof token !== "string") throw unavailable(`status ${token.status} in place of a token`);
  const read = async (path: string): Promise<string> => {
    const { status, body } = await getWithToken(ask, path, token).catch((error: unknown) => {
      throw unavailable(errorName(error));
    });
    if (status !== 200) throw unavailable(`status ${status}`);
    return body;
  };
  const [name = ""] = (await read(ROLES)).trim().split("\n");
  if (!/^[\w+=,.@-]{1,64}$/.test(name)) throw unavailable("no name of a role");
  return keysIn(await read(ROLES + name));
}

function keysIn(document: string): InstanceRole {
  const keys = documentIn(document);
  const [accessKeyId, secretAccessKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "Token"].map(
    (name) => {
      const value = keys[name];
      return typeof value === "string" && isKeyText(value) ? value : undefined;
    },
  );
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
    throw unavailable("a document without keys");
  }
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: new Secret(sessionToken),
    expiresAt: Date.parse(String(keys["Expiration"])),
  };
}

function documentIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(text);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

const unavailable = (why: string): IssueError =>
  new IssueError(
    "NODE_IDENTITY_UNAVAILABLE",
    `The metadata service does not give the node's own role (${why}).`,
    {
      kind: "passing",
      remedy:
        "See that the node has an instance profile, that its metadata hop limit is 2 or more, and that the guard lets the sidecar through (source node).",
    },
  );
