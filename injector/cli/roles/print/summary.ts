import { choiceText, countPods, rowsIn, unguarded, type Report } from "../report.ts";

const pods = (count: number): string => (count === 1 ? "1 pod" : `${count} pods`);

/** What stands out, and what is left out; sentences. */
export function summary(report: Report): readonly string[] {
  const { rows, plain, notHandled, namespace, chosen, notes } = report;
  const where = namespace === undefined ? "" : ` in namespace ${namespace} (-A: in all)`;
  const like = chosen === undefined ? "" : ` (${choiceText(chosen)})`;
  // Of a question about a role, pods without one are no answer.
  const others =
    chosen?.role === undefined
      ? `; ${pods(plain.length)} of handled namespaces without one; ${pods(notHandled)} that podrole does not handle`
      : "";
  const counts: readonly (readonly [number, string])[] = [
    [
      countPods(rowsIn(rows, "gone")),
      rows.some(({ kind }) => kind === "Pod")
        ? "a role that the rules no longer allow"
        : "a role that the rules do not allow",
    ],
    [countPods(rowsIn(rows, "refused")), "no session, since it is refused"],
    [countPods(rowsIn(rows, "changed")), "a role that new pods would not get"],
    [
      countPods(rows.filter(({ now }) => now.kind === "not-handled")),
      "only its own word for its role: the webhook did not make it so, and whoever makes a pod can write that",
    ],
    [countPods(unguarded(report)), "no guard, and can reach the node's role"],
  ];
  return [
    `${pods(countPods(rows))} with a role${like}${where}${others}.`,
    ...counts.flatMap(([count, what]) =>
      count === 0 ? [] : [`${pods(count)} ${count === 1 ? "has" : "have"} ${what}.`],
    ),
    ...notes,
  ];
}
