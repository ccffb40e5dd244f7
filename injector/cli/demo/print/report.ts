import { seconds } from "./progress.ts";
import { wrapped } from "../../print/lines.ts";
import type { Paint } from "../../print/paint.ts";
import { brokerRows } from "./broker-rows.ts";
import type { DemoResult } from "./result.ts";
import { table, type Row } from "./table.ts";

const WIDTH = 100;

/**
 * The summary, for a person who has never heard of podrole. Pure.
 * @param isFull with what has its line among the steps as well; after a failure it always has
 */
export function summaryOf(result: DemoResult, paint: Paint, isFull: boolean): string {
  const took = seconds(result.elapsedMs);
  return [
    "",
    result.ok
      ? `${paint("bold", "Summary")}, after ${took}; nothing is left behind`
      : paint("bold", "Summary"),
    ...table(isFull || !result.ok ? fullRows(result) : shortRows(result), paint),
    ...verdict(result, paint),
    "",
  ].join("\n");
}

/** Who is who: what the steps have only without the account. */
function shortRows({ pod, podArn, identities, nodeArn }: DemoResult): readonly Row[] {
  return [
    ["the pod is", podArn ?? "unknown", ""],
    ...Object.keys(pod?.containerRoles ?? {}).map((container): Row => [
      `its ${container} is`,
      identities[container]?.arn ?? "unknown",
      "",
    ]),
    ...(nodeArn === undefined ? [] : [["the node is", nodeArn, ""] satisfies Row]),
  ];
}

function fullRows(result: DemoResult): readonly Row[] {
  const { pod, podArn, identities, nodeArn, skipped, before, after, broker } = result;
  const node = skipped === undefined ? (nodeArn ?? "unknown") : "not shown here";
  const rows: readonly Row[] = [
    [
      "the pod is",
      podArn ?? "unknown",
      podArn === undefined ? "" : `its own role, as its manifest asks (${pod?.example})`,
    ],
    ...Object.keys(pod?.containerRoles ?? {}).map((container): Row => [
      `its container ${container} is`,
      identities[container]?.arn ?? "unknown",
      "a role for this container alone",
    ]),
    ...(broker === undefined ? [] : brokerRows(broker)),
    [
      "the node is",
      node,
      skipped ?? (nodeArn === undefined ? "" : "what every pod on it could be without podrole"),
    ],
  ];
  return [
    ...rows,
    ...(before === undefined
      ? []
      : [
          [
            "metadata, before the guard",
            plural(before.requests, "request"),
            "a plain app read the node's keys",
          ] satisfies Row,
        ]),
    ...(after === undefined
      ? []
      : [
          [
            "metadata, behind the guard",
            plural(after.requests, "request"),
            endings(after.report.attempts),
          ] satisfies Row,
        ]),
  ];
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const endings = (
  attempts: readonly { readonly address: string; readonly outcome: string; readonly ms: number }[],
) => attempts.map(({ address, outcome, ms }) => `${address} ${outcome} after ${ms} ms`).join(", ");

function verdict(result: DemoResult, paint: Paint): readonly string[] {
  const { ok, claims, error, elapsedMs, skipped } = result;
  if (!ok) {
    // After an error, what did not happen is left out.
    const failed = claims.filter(({ holds }) => !holds).map(({ claim }) => `not so: ${claim}`);
    const reasons = error === undefined ? failed : [error];
    return [
      "",
      paint("red", `Failed after ${seconds(elapsedMs)}.`),
      ...reasons.flatMap((reason) => wrapped(reason, WIDTH, 2)),
      "  Nothing is left behind. --verbose shows every step, and --json has all of it.",
    ];
  }
  const shown =
    skipped === undefined
      ? "The pod and its node are two identities, and the pod cannot take the node's."
      : "The pod has a role of its own.";
  return [`  ${paint("green", shown)}`];
}
