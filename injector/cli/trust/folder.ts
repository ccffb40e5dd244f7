import { join } from "node:path";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { shellWord } from "../print/shell-word.ts";
import type { NewFile } from "../print/write-files.ts";
import type { PolicyDocument } from "./document.ts";
import { accountOfArn, nameKeyOf, nameOf } from "./principal.ts";

/** A policy in a file of its own, and the command that sets it, with the file's path in it. */
export interface PolicyFile extends NewFile {
  readonly account: string;
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
      account,
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
 * the role of that name in another account.
 */
export function commandsText(files: readonly PolicyFile[]): string {
  const byAccount = Map.groupBy(
    files.filter(({ command }) => command !== undefined),
    ({ account }) => account,
  );
  const blocks = [...byAccount].map(([account, of]) => [
    `if [ "$(aws sts get-caller-identity --query Account --output text)" = ${account} ]; then`,
    ...of.map(({ command }) => `  ${command}`),
    `else echo "Left out: account ${account}. Run this with credentials of that account, too." >&2`,
    "fi",
  ]);
  return blocks.map((lines) => `${lines.join("\n")}\n`).join("");
}
