import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CodedError, systemCode } from "../../../sidecar/kit/errors.ts";
import type { PolicyDocument } from "./document.ts";
import { accountOfArn, nameOf } from "./principal.ts";

/** A policy in a file of its own, and the command that sets it, with the file's path in it. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
  readonly account: string;
  readonly command: string | undefined;
}

/** `FOLDER/ACCOUNT/ROLE.trust.json`: no name of a role occurs twice in an account, whatever its path or capitals. Pure. */
export const policyFiles = (documents: readonly PolicyDocument[], folder: string): readonly PolicyFile[] =>
  documents.map(({ document, of, policy, command }) => {
    const account = accountOfArn(of);
    const path = join(folder, account, `${nameOf(of.replace(/:root$/, "/account"))}.${document}.json`);
    return {
      path,
      text: `${JSON.stringify(policy, null, 2)}\n`,
      account,
      command: command?.replace(`file://${document}.json`, () => shellWord(`file://${path}`)),
    };
  });

/** One word for a shell of the POSIX family. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The commands, by account, as a shell reads them. Where there are several accounts, those of one run only with its credentials: a
 * role's name alone would change the role of that name in another account.
 */
export function commandsText(files: readonly PolicyFile[]): string {
  const byAccount = Map.groupBy(
    files.filter(({ command }) => command !== undefined),
    ({ account }) => account,
  );
  const blocks = [...byAccount].map(([account, of]) => {
    const commands = of.map(({ command }) => command);
    if (byAccount.size === 1) return [`# account ${account}`, ...commands];
    const test = `[ "$(aws sts get-caller-identity --query Account --output text)" = ${account} ]`;
    return [`if ${test}; then`, ...commands.map((one) => `  ${one}`), "fi"];
  });
  return blocks.map((lines) => `${lines.join("\n")}\n`).join("");
}

/**
 * Writes all of them, or none where one is there with other contents.
 * @throws CodedError `FILE_EXISTS`, `FILE_UNWRITABLE`
 */
export async function writePolicies(files: readonly PolicyFile[], force: boolean): Promise<void> {
  const present = await Promise.all(files.map(({ path }) => readFile(path, "utf8").catch(() => undefined)));
  const changed = files.filter(({ text }, index) => present[index] !== undefined && present[index] !== text);
  const [first] = changed;
  if (first !== undefined && !force) {
    const others = changed.length === 1 ? "" : ` and ${changed.length - 1} more`;
    throw new CodedError(
      "FILE_EXISTS",
      `${first.path}${others} would get other contents; nothing was written.`,
      {
        remedy: "Give --force to replace them, or another --dir.",
      },
    );
  }
  for (const { path, text } of files) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    } catch (error) {
      throw new CodedError(
        "FILE_UNWRITABLE",
        `${path} cannot be written (${systemCode(error) ?? "unknown error"}).`,
        {
          cause: error,
        },
      );
    }
  }
}
