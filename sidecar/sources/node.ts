import { fromInstanceMetadata } from "@aws-sdk/credential-providers";
import { errorName } from "../kit/errors.ts";
import type { Caller } from "../sts/role-request.ts";
import { issuerOf } from "../sts/chain.ts";
import { IssueError } from "../sts/issue-error.ts";
import { keysOf } from "./keys.ts";
import { defineSource } from "./source.ts";

/** The node's instance role, from its metadata service by IMDSv2. Its keys change, so each attempt asks again. */
export const node = defineSource({
  settings: {},
  firstAction: "AssumeRole",
  reachesMetadata: true,
  issuer: (_, chain) => issuerOf(instanceRole, chain),
});

async function instanceRole(): Promise<Caller> {
  try {
    const provider = fromInstanceMetadata({
      ec2MetadataV1Disabled: true,
      timeout: 1000,
      maxRetries: 0,
      logger: SILENT,
    });
    return { kind: "keys", keys: keysOf(await provider()) };
  } catch (error) {
    throw new IssueError(
      "NODE_IDENTITY_UNAVAILABLE",
      `The metadata service does not give the node's own role (${errorName(error)}).`,
      {
        kind: "passing",
        remedy:
          "See that the node has an instance profile, that its metadata hop limit is 2 or more, and that the guard lets the sidecar through (source node).",
      },
    );
  }
}

/** Otherwise the provider warns on the console when it extends keys that the metadata service has not renewed. */
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}
