import { optional } from "../kit/env.ts";
import { isKeyText, Secret } from "../kit/secret.ts";
import type { Keys } from "../sts/client.ts";
import { issuerOf } from "../sts/chain.ts";
import { IssueError } from "../sts/issue-error.ts";
import { defineSource } from "./source.ts";

function key(raw: string): Secret {
  if (!isKeyText(raw)) throw new Error("must be one line without spaces");
  return new Secret(raw);
}

interface Given {
  readonly accessKeyId: Secret | undefined;
  readonly secretAccessKey: Secret | undefined;
  readonly sessionToken: Secret | undefined;
}

/**
 * Keys that an admin gives the sidecar alone, as variables from a Secret. No other place is looked at: no file can be in the
 * sidecar, and its container and its node would give roles that this pod must not have.
 */
export const ambient = defineSource({
  settings: {
    accessKeyId: optional("AWS_ACCESS_KEY_ID", key, undefined),
    secretAccessKey: optional("AWS_SECRET_ACCESS_KEY", key, undefined),
    sessionToken: optional("AWS_SESSION_TOKEN", key, undefined),
  },
  callsSts: true,
  firstAction: "AssumeRole",
  reachesMetadata: false,
  issuer: (given, chain) => issuerOf(async () => ({ kind: "keys", keys: keysFrom(given) }), chain),
});

/** @throws IssueError `AMBIENT_KEYS_MISSING` */
function keysFrom({ accessKeyId, secretAccessKey, sessionToken }: Given): Keys {
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const absent = accessKeyId === undefined ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY";
    throw new IssueError("AMBIENT_KEYS_MISSING", `The sidecar's variable ${absent} is not set.`, {
      kind: "passing",
      remedy: "Check the Secret that the injector's configuration gives the sidecar for source ambient.",
    });
  }
  return {
    accessKeyId: accessKeyId.reveal(),
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}
