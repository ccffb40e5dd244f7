import { createHash } from "node:crypto";
import { shellWord } from "../../print/shell-word.ts";
import type { PolicyDocument } from "../../trust/document.ts";
import type { PolicyFile } from "../../trust/folder.ts";

/**
 * The command names an inline policy by its contents. IAM replaces what has the same name: a run for one namespace would take away what
 * the run for another one, or for another cluster with the same broker, has given.
 */
export function namedByContents(one: PolicyDocument): PolicyDocument {
  const { policy, command } = one;
  if (command === undefined) return one;
  const contents = createHash("sha256").update(JSON.stringify(policy)).digest("hex").slice(0, 16);
  return { ...one, command: command.replace(/ --policy-name \S+/, (option) => `${option}-${contents}`) };
}

/**
 * Shell commands that say what deletes the inline policies among these. They do not do it: another run, or another cluster with the same
 * roles, may have set the very same.
 */
export const leftText = (files: readonly PolicyFile[]): string =>
  files
    .flatMap(({ of, command = "" }) => {
      const [, which] = /^aws iam put-(.* --policy-name \S+) /.exec(command) ?? [];
      if (which === undefined) return [];
      const left = `Left: a policy of ${of}. Unless another run or cluster needs it: aws iam delete-${which}`;
      return [`echo ${shellWord(left)} >&2\n`];
    })
    .join("");
