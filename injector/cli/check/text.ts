import type { Paint } from "../print/paint.ts";
import { plain, wrapped } from "../print/lines.ts";
import { CHECKS, STATUSES, type CheckResult, type Status } from "./result.ts";

const STYLES = { ok: "green", warn: "yellow", fail: "red", skip: "dim" } as const satisfies Record<
  Status,
  string
>;

/** Results for a person, by what they are about. Pure. */
export function reportOf(results: readonly CheckResult[], width: number, paint: Paint): string {
  const groups = Map.groupBy(results, ({ code }) => CHECKS[code].group);
  const lines = [...groups].flatMap(([group, members]) => [
    paint("bold", group),
    ...members.flatMap((one) => linesOf(one, width, paint)),
    "",
  ]);
  return `${[...lines, ...wrapped(countOf(results), width, 0)].join("\n")}\n`;
}

function linesOf(
  { code, status, message, remedy }: CheckResult,
  width: number,
  paint: Paint,
): readonly string[] {
  return [
    `  ${paint(STYLES[status], status.padEnd(4))}  ${code}`,
    ...wrapped(message, width, 8),
    ...(remedy === undefined ? [] : wrapped(`To do: ${remedy}`, width, 8)),
  ];
}

function countOf(results: readonly CheckResult[]): string {
  const counts = STATUSES.map(
    (status) => `${results.filter((one) => one.status === status).length} ${status}`,
  );
  return counts.join(", ");
}

/** What is waited for, on one line. */
export function waitingFor(results: readonly CheckResult[]): string {
  const [first, ...rest] = results.filter(({ status }) => status === "fail");
  if (first === undefined) return "";
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return plain(`waiting: ${first.code}: ${first.message}${more}`);
}
