import { countPods, rowsIn, type Report } from "../report.ts";

const pods = (count: number): string => (count === 1 ? "1 pod" : `${count} pods`);

/** What stands out, and what is left out; sentences. */
export function summary(report: Report): readonly string[] {
  const { rows, plain, notHandled, namespace, notes } = report;
  const where = namespace === undefined ? "" : ` in namespace ${namespace} (-A: in all)`;
  const counts: readonly (readonly [number, string])[] = [
    [countPods(rowsIn(rows, "gone")), "a role that the rules no longer allow"],
    [countPods(rowsIn(rows, "refused")), "no session, since it is refused"],
    [countPods(rowsIn(rows, "changed")), "a role that new pods would not get"],
    [countPods(plain.filter(({ guard }) => guard === "off")), "no guard, and can reach the node's role"],
  ];
  return [
    `${pods(countPods(rows))} with a role${where}; ${pods(plain.length)} of handled namespaces without one; ${pods(notHandled)} that podrole does not handle.`,
    ...counts.flatMap(([count, what]) =>
      count === 0 ? [] : [`${pods(count)} ${count === 1 ? "has" : "have"} ${what}.`],
    ),
    ...notes,
  ];
}
