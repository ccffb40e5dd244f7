import { join } from "node:path";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { shellWord } from "../print/shell-word.ts";
import type { NewFile } from "../print/write-files.ts";
import type { PolicyDocument } from "./document.ts";
import { accountOfArn, nameKeyOf, nameOf } from "./principal.ts";

/** A policy in a file of its own, and the command that sets it, with the file's path in it. */
export interface PolicyFile extends NewFile {
  /** The role or user that the policy is attached to. */
  readonly of: string;
  readonly command: string | undefined;
}

/**
 * `FOLDER/ACCOUNT/ROLE.trust.json`. Pure.
 * @throws CodedError `ROLE_NAME_SHARED`: one file would replace the other, and one command what the other has set
 */
export function policyFiles(documents: readonly PolicyDocument[], folder: string): readonly PolicyFile[] {
  for (const arns of arnsByName(documents).values()) {
    if (arns.length > 1) throw nameShared(arns);
  }
  return documents.map(({ document, of, policy, command }) => {
    const account = accountOfArn(of);
    const path = join(folder, account, `${nameOf(of.replace(/:root$/, "/account"))}.${document}.json`);
    return {
      path,
      text: `${JSON.stringify(policy, null, 2)}\n`,
      of,
      command: command?.replace(`file://${document}.json`, () => shellWord(`file://${path}`)),
    };
  });
}

/** Whose the documents are, by what AWS's commands tell apart. */
export const arnsByName = (documents: readonly PolicyDocument[]): ReadonlyMap<string, readonly string[]> =>
  Map.groupBy(new Set(documents.map(({ of }) => of)), nameKeyOf);

/** A sentence. */
export const sharedName = (arns: readonly string[]): string =>
  `${arns.join(" and ")} have one name, which occurs once in an account, whatever its path and capitals: at most one of them exists.`;

const nameShared = (arns: readonly string[]): CodedError =>
  new CodedError("ROLE_NAME_SHARED", `${sharedName(arns)} Nothing was written.`, {
    remedy: "Correct the annotation that names the wrong one, or choose the right one with --role ARN.",
  });

/**
 * The commands, by account, as a shell reads them. Those of an account run only with its credentials: a role's name alone would change
 * the role of that name in another account. One that fails does not keep the others back; it is named, and the exit code is 1.
 */
export function commandsText(files: readonly PolicyFile[]): string {
  const all = files.filter(({ command }) => command !== undefined);
  if (all.length === 0) return "";
  const blocks = [...Map.groupBy(all, ({ of }) => accountOfArn(of))].flatMap(([account, those]) => [
    `if [ "$account" = ${account} ]; then`,
    ...those.map(({ command, of }) => `  ${command} || miss ${shellWord(`Failed: ${of}`)}`),
    "else",
    ...those.map(
      ({ of }) =>
        `  miss ${shellWord(`Left out: ${of}. Run this with credentials of account ${account}, too.`)}`,
    ),
    "fi",
  ]);
  const lines = [
    "missed=0",
    'miss() { missed=$((missed + 1)); echo "$1" >&2; }',
    "account=$(aws sts get-caller-identity --query Account --output text) || account=unknown",
    ...blocks,
    // No exit, which would end the shell of somebody who pastes this.
    `[ "$missed" -eq 0 ] || { echo "$missed of ${all.length} commands failed or were left out." >&2; false; }`,
  ];
  return `${lines.join("\n")}\n`;
}
