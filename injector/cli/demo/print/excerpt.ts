import type { DiffLine } from "./diff.ts";

/** The lines that matter in the patch of a pod with a role, and what each is for. */
const MATTERS: readonly (readonly [pattern: RegExp, comment?: string])[] = [
  [/^- name: podrole-guard$/, "blocks the node's metadata service"],
  [/^- name: podrole-sidecar$/, "holds the pod's credentials"],
  [/^- name: AWS_CONTAINER_CREDENTIALS_FULL_URI$/, "where every AWS SDK looks"],
  [/^value: http:\S+\/credentials$/],
];

/**
 * Of a pod's diff, what was added that matters, each with the lines that it stands in. Of several containers that get the
 * same, the first. Pure.
 */
export function excerptOf(lines: readonly DiffLine[]): readonly DiffLine[] {
  const spec = lines.slice(lines.findIndex(({ text }) => text === "spec:") + 1);
  const shown = new Map<DiffLine, DiffLine>();
  for (const [pattern, comment] of MATTERS) {
    const found = matching(spec, pattern);
    if (found === undefined) continue;
    for (const parent of parentsOf(found, spec)) if (!shown.has(parent)) shown.set(parent, parent);
    shown.set(found, comment === undefined ? found : { ...found, comment });
  }
  return spec.flatMap((line) => shown.get(line) ?? []);
}

/** In the pod's containers if there is one, else in its init containers. */
function matching(spec: readonly DiffLine[], pattern: RegExp): DiffLine | undefined {
  const isMatch = ({ sign, text }: DiffLine): boolean => sign === "+" && pattern.test(text.trim());
  const containers = spec.findIndex(({ text }) => text === "  containers:");
  return spec.slice(Math.max(0, containers)).find(isMatch) ?? spec.find(isMatch);
}

/** The lines before it that are less and less indented: the maps and lists that it is in. */
function parentsOf(line: DiffLine, lines: readonly DiffLine[]): readonly DiffLine[] {
  let indent = indentOf(line);
  const parents: DiffLine[] = [];
  for (const before of lines.slice(0, lines.indexOf(line)).toReversed()) {
    if (before.sign === "…" || indentOf(before) >= indent) continue;
    parents.unshift(before);
    indent = indentOf(before);
  }
  return parents;
}

const indentOf = ({ text }: DiffLine): number => text.search(/\S/);
