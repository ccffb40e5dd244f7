import { fromEnv, fromIni } from "@aws-sdk/credential-providers";
import { errorName } from "../kit/errors.ts";
import type { Caller } from "../sts/role-request.ts";
import { issuerOf } from "../sts/chain.ts";
import { IssueError } from "../sts/issue-error.ts";
import { keysOf } from "./keys.ts";
import { defineSource } from "./source.ts";

/** Keys that an admin gives the sidecar alone, from a Secret: variables or files. */
export const ambient = defineSource({
  settings: {},
  firstAction: "AssumeRole",
  reachesMetadata: false,
  issuer: (_, chain) => issuerOf(() => givenKeys(chain.region), chain),
});

/**
 * Variables, then the shared files. Not the SDK's default chain: that one goes on to container and node credentials,
 * and would find either the sidecar itself or a role that this pod must not have.
 */
async function givenKeys(region: string): Promise<Caller> {
  try {
    return { kind: "keys", keys: keysOf(await fromEnv()()) };
  } catch {
    // No keys in the environment: the files are next.
  }
  try {
    const provider = fromIni({ ignoreCache: true, clientConfig: { region, maxAttempts: 1 } });
    return { kind: "keys", keys: keysOf(await provider()) };
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
