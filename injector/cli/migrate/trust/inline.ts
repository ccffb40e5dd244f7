import { createHash } from "node:crypto";
import type { PolicyDocument } from "../../trust/document.ts";

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

/** The command that takes an inline policy away; undefined for a command that sets another kind of policy. */
export function removing(command = ""): string | undefined {
  const [, which] = /^aws iam put-(.* --policy-name \S+) /.exec(command) ?? [];
  return which === undefined ? undefined : `aws iam delete-${which}`;
}
