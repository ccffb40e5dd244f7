import type { Paint } from "../print/paint.ts";
import { plain, wrapped } from "../print/lines.ts";
import { CHECKS, STATUSES, type CheckResult, type Status } from "./result.ts";

const STYLES = { ok: "green", warn: "yellow", fail: "red", skip: "dim" } as const satisfies Record<
  Status,
  string
>;

/**
 * Results for a person, by what they are about. Pure.
 * @param notes what holds for all of them; sentences
 */
export function reportOf(
  results: readonly CheckResult[],
  width: number,
  paint: Paint,
  notes: readonly string[] = [],
): string {
  const groups = Map.groupBy(results, ({ code }) => CHECKS[code].group);
  const lines = [...groups].flatMap(([group, members]) => [
    paint("bold", group),
    ...alike(members).flatMap((some) => linesOf(some, width, paint)),
    "",
  ]);
  const remarks = notes.flatMap((note) => [...wrapped(note, width, 0).map((line) => paint("dim", line)), ""]);
  return `${[...lines, ...remarks, ...wrapped(countOf(results), width, 0)].join("\n")}\n`;
}

/** Neighbours that differ in their message alone are told of together. */
function alike(results: readonly CheckResult[]): readonly (readonly [CheckResult, ...CheckResult[]])[] {
  const groups: [CheckResult, ...CheckResult[]][] = [];
  for (const one of results) {
    const last = groups.at(-1);
    const isAlike = (["code", "status", "remedy"] as const).every((key) => last?.[0][key] === one[key]);
    if (last !== undefined && isAlike) last.push(one);
    else groups.push([one]);
  }
  return groups;
}

function linesOf(
  some: readonly [CheckResult, ...CheckResult[]],
  width: number,
  paint: Paint,
): readonly string[] {
  const [{ code, status, remedy }] = some;
  return [
    `  ${paint(STYLES[status], status.padEnd(4))}  ${code}`,
    ...some.flatMap(({ message }) => wrapped(message, width, 8)),
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
