import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Paint } from "../print/paint.ts";
import { plain, wrapped } from "../print/lines.ts";
import { CHECKS, isJudged, STATUSES, type CheckResult, type Status } from "./result.ts";

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
  const refused = results.filter((one) => one.refused === true);
  const groups = Map.groupBy(
    results.filter((one) => one.refused !== true),
    ({ code }) => CHECKS[code].group,
  );
  const lines = [...groups].flatMap(([group, members]) => [
    paint("bold", group),
    ...alike(members).flatMap((some) => linesOf(some, width, paint)),
    "",
  ]);
  const unread = refused.length === 0 ? [] : [...refusedLines(refused, width, paint), ""];
  const remarks = notes.flatMap((note) => [...wrapped(note, width, 0).map((line) => paint("dim", line)), ""]);
  return `${[...lines, ...unread, ...remarks, ...wrapped(countOf(results), width, 0)].join("\n")}\n`;
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

/** Of a user with few rights, each check would say the same again and again. */
function refusedLines(refused: readonly CheckResult[], width: number, paint: Paint): readonly string[] {
  const codes = refused.map(({ code }) => code).join(", ");
  const [first = "", ...rest] = wrapped(codes, width, 8);
  return [
    paint("bold", "Not checked"),
    `  ${paint(STYLES.skip, "skip")}  ${first.trimStart()}`,
    ...rest,
    ...reasonsOf(refused).flatMap((reason) => wrapped(reason, width, 8)),
    ...wrapped("To do: Use a kubeconfig whose user may read it, to have them checked, too.", width, 8),
  ];
}

const reasonsOf = (refused: readonly CheckResult[]): readonly string[] => [
  ...new Set(refused.map(({ message }) => message.replace(/^Not checked: /, ""))),
];

/** Where the user may read nothing of podrole's, one sentence says it better than a report; undefined where something was judged. */
export function nothingJudged(results: readonly CheckResult[]): CodedError | undefined {
  if (isJudged(results)) return undefined;
  const [first = "", ...more] = reasonsOf(results.filter(({ refused }) => refused));
  const others = more.length === 0 ? "" : ` It refuses ${more.length} more such requests.`;
  return new CodedError("CHECK_NOT_ALLOWED", `Nothing of podrole was checked. ${first}${others}`, {
    remedy: "Ask an admin of the cluster to run podrole check, or use podrole explain for pods of your own.",
  });
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
