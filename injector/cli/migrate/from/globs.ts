import { asGlob } from "../../../decide/pattern.ts";
import { allowedPattern, whyNever } from "../../../model/role-pattern.ts";
import { kube2iamEntries } from "./rules.ts";

interface Globs {
  readonly globs: readonly string[];
  /** Patterns that no glob can say, as written. */
  readonly others: readonly string[];
}

const ARN = /^arn:/;

/** Exactly the roles that kube2iam allows by the annotation, as globs over ARNs. */
export function globsOfKube2iam(
  annotation: string,
  format: "glob" | "regexp",
  completed: (name: string) => string,
): Globs {
  const all = kube2iamEntries(annotation).entries.map((text) => {
    const pattern = completed(text);
    return { text, glob: format === "glob" ? pattern : unanchored(pattern) };
  });
  return sorted(all);
}

/** The same of kiam's expression. */
export function globsOfKiam(expression: string, strict: boolean): Globs {
  if (expression === "") return { globs: [], others: [] };
  return sorted([{ text: expression, glob: strict ? asGlob(expression)?.text : unanchored(expression) }]);
}

/**
 * A regular expression that may match in the middle. A colon stands nowhere in a role's path and name, so what begins with `arn:` can
 * only match from the beginning on.
 */
function unanchored(expression: string): string | undefined {
  const text = asGlob(expression)?.text;
  if (text === undefined) return undefined;
  const head = expression.startsWith("^") || ARN.test(text) ? "" : "*";
  const tail = expression.endsWith("$") ? "" : "*";
  return `${head}${text}${tail}`.replaceAll(/\*+/g, "*");
}

function sorted(all: readonly { readonly text: string; readonly glob: string | undefined }[]): Globs {
  // What can match no role's ARN allows nothing, and a RoleGrant need not say so. A name would mean a role below the base.
  const isSayable = ({ glob = "" }: { readonly glob: string | undefined }): boolean =>
    /^(?:arn:|\*)/.test(glob) && whyNever(allowedPattern(glob), true) === undefined;
  return {
    globs: [...new Set(all.filter(isSayable).map(({ glob = "" }) => glob))],
    others: all.filter(({ glob }) => glob === undefined).map(({ text }) => text),
  };
}
