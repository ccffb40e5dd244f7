/** A pattern that is prepared once and compared often. */
export interface Glob {
  /** As somebody wrote it. */
  readonly text: string;
  readonly head: string;
  /** What stands between its stars. */
  readonly middle: readonly string[];
  /** Undefined where it has no star. */
  readonly tail: string | undefined;
}

export const globOf = (text: string): Glob => prepared(text, text);

/** A pattern whose own case does not count, for subjects in lower case. */
export const globOfAnyCase = (text: string): Glob => prepared(text, text.toLowerCase());

function prepared(text: string, pattern: string): Glob {
  const [head = "", ...middle] = pattern.split("*");
  const tail = middle.pop();
  return { text, head, middle, tail };
}

/**
 * `*` stands for any run of characters, slashes included; everything else for itself, as in kube2iam.
 * Linear in both: a tenant's pattern must not be able to stall the server.
 */
export function globMatches({ head, middle, tail }: Glob, subject: string): boolean {
  if (tail === undefined) return subject === head;
  const end = subject.length - tail.length;
  if (end < head.length || !subject.startsWith(head) || !subject.endsWith(tail)) return false;
  let from = head.length;
  for (const part of middle) {
    const at = subject.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
