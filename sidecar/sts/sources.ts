import { readFile } from "node:fs/promises";
import { fromEnv, fromIni, fromInstanceMetadata } from "@aws-sdk/credential-providers";
import type { ConfiguredIdentity, SidecarConfig } from "../config/config.ts";
import type { Source } from "../contract/session.ts";
import type { Credentials } from "./credentials.ts";
import { IssueError } from "./issue-error.ts";
import { errorName, systemCode } from "../kit/errors.ts";
import { Secret } from "../kit/secret.ts";
import type { AssumeRole, Caller } from "./assume-role.ts";
import type { Keys } from "./client.ts";

/** Where the sidecar's own identity comes from. Asked afresh for every attempt: files and node keys are renewed. */
export type IdentitySource = () => Promise<Caller>;

/** @throws (later, when asked) IssueError */
export function identitySource(
  config: Pick<SidecarConfig, "source" | "webIdentityTokenFile" | "region">,
): IdentitySource {
  const sources: Readonly<Record<Source, IdentitySource>> = {
    "web-identity": () => webIdentity(config.webIdentityTokenFile ?? ""),
    node: nodeIdentity,
    ambient: () => ambientIdentity(config.region),
  };
  return sources[config.source];
}

/** The steps one after the other, each called with what the one before was granted. */
export function issuerOver(
  config: Pick<ConfiguredIdentity, "steps"> & Pick<SidecarConfig, "sessionName">,
  identity: IdentitySource,
  assumeRole: AssumeRole,
): () => Promise<Credentials> {
  return async () => {
    let caller = await identity();
    let credentials: Credentials | undefined;
    for (const step of config.steps) {
      credentials = await assumeRole({ caller, step, sessionName: config.sessionName });
      caller = { kind: "keys", keys: credentials };
    }
    if (credentials === undefined) throw new IssueError("CONFIG_INVALID", "No step.", { kind: "definite" });
    return credentials;
  };
}

async function webIdentity(file: string): Promise<Caller> {
  const remedy =
    "See whether the pod still has its projected token volume; the kubelet writes the file before any container starts.";
  const token = await readFile(file, "utf8").then(
    (content) => content.trim(),
    (error: unknown) => {
      const why = systemCode(error) ?? "unknown error";
      throw new IssueError(
        "TOKEN_FILE_UNREADABLE",
        `The service account token ${file} cannot be read (${why}).`,
        {
          kind: "passing",
          remedy,
        },
      );
    },
  );
  if (token === "") {
    throw new IssueError("TOKEN_FILE_UNREADABLE", `The service account token ${file} is empty.`, {
      kind: "passing",
      remedy,
    });
  }
  return { kind: "token", token: new Secret(token) };
}

async function nodeIdentity(): Promise<Caller> {
  try {
    const provider = fromInstanceMetadata({
      ec2MetadataV1Disabled: true,
      timeout: 1000,
      maxRetries: 0,
      logger: silent,
    });
    return { kind: "keys", keys: keysFrom(await provider()) };
  } catch (error) {
    throw new IssueError(
      "NODE_IDENTITY_UNAVAILABLE",
      `The node's own role cannot be had from the metadata service (${errorName(error)}).`,
      {
        kind: "passing",
        remedy:
          "See that the node has an instance profile, that its metadata hop limit is 2 or more, and that the guard lets the sidecar through (source node).",
      },
    );
  }
}

/**
 * Variables, then the shared files. Not the SDK's default chain: that one goes on to container and node credentials,
 * and would find either the sidecar itself or a role that this pod must not have.
 */
async function ambientIdentity(region: string): Promise<Caller> {
  try {
    return { kind: "keys", keys: keysFrom(await fromEnv()()) };
  } catch {
    // No keys in the environment: the files are next.
  }
  try {
    const provider = fromIni({ ignoreCache: true, clientConfig: { region, maxAttempts: 1 } });
    return { kind: "keys", keys: keysFrom(await provider()) };
  } catch (error) {
    throw new IssueError(
      "AMBIENT_KEYS_MISSING",
      `Neither the sidecar's environment nor its AWS profile holds keys (${errorName(error)}).`,
      {
        kind: "passing",
        remedy: "Check the Secret that the injector's configuration gives the sidecar for source ambient.",
      },
    );
  }
}

function keysFrom(identity: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }): Keys {
  const { accessKeyId, secretAccessKey, sessionToken } = identity;
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: new Secret(sessionToken) }),
  };
}

/** Without it, the provider warns on the console that it extends keys which the metadata service did not renew. */
const silent = { debug: noop, info: noop, warn: noop, error: noop };
function noop(): void {}
