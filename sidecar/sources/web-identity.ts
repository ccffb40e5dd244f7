import { readFileSync } from "node:fs";
import { ENV } from "../contract/env.ts";
import { defaulted } from "../kit/defaults.ts";
import { text } from "../kit/env.ts";
import { errorName } from "../kit/errors.ts";
import { isKeyText, Secret } from "../kit/secret.ts";
import { issuerOf } from "../sts/chain.ts";
import { IssueError } from "../sts/issue-error.ts";
import { defineSource } from "./source.ts";

/** The pod's projected service account token. The kubelet renews the file, so each attempt reads it again. */
export const webIdentity = defineSource({
  settings: { tokenFile: defaulted(ENV.webIdentityTokenFile, text) },
  callsSts: true,
  firstAction: "AssumeRoleWithWebIdentity",
  reachesMetadata: false,
  issuer: ({ tokenFile }, chain) =>
    issuerOf(async () => ({ kind: "token", token: await tokenIn(tokenFile) }), chain),
});

/** @throws IssueError `TOKEN_FILE_UNREADABLE` */
export async function tokenIn(file: string): Promise<Secret> {
  const token = contentOf(file).trim();
  if (token === "") throw unreadable(`${file} is empty`);
  if (!isKeyText(token)) throw unreadable(`${file} has spaces or other characters that no token has`);
  return new Secret(token);
}

/** Not by node:fs/promises: see read-small-file.ts. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unreadable(`${file} cannot be read (${errorName(error)})`);
  }
}

const unreadable = (problem: string): IssueError =>
  new IssueError("TOKEN_FILE_UNREADABLE", `The service account token ${problem}.`, {
    kind: "passing",
    remedy:
      "See whether the pod still has its projected token volume; the kubelet writes the file before any container starts.",
  });
