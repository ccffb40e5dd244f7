import { seconds } from "./progress.ts";
import type { Paint } from "../../print/paint.ts";
import { brokerRows } from "./broker-rows.ts";
import type { DemoResult } from "./result.ts";
import { table, type Row } from "./table.ts";

/** The summary, for a person who has never heard of podrole. Pure. */
export function summaryOf(result: DemoResult, paint: Paint): string {
  return [
    "",
    paint("bold", "Summary"),
    ...table(rowsOf(result), paint),
    "",
    ...verdict(result, paint),
    "",
  ].join("\n");
}

function rowsOf(result: DemoResult): readonly Row[] {
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
  const { ok, claims, error, elapsedMs, skipped, broker } = result;
  if (!ok) {
    // After an error, what did not happen is left out.
    const failed = claims.filter(({ holds }) => !holds).map(({ claim }) => `not so: ${claim}`);
    const reasons = error === undefined ? failed : [error];
    return [paint("red", `Failed after ${seconds(elapsedMs)}.`), ...reasons.map((reason) => `  ${reason}`)];
  }
  const shown =
    skipped === undefined
      ? "The pod and its node are two identities, and the pod cannot take the node's."
      : "The pod has a role of its own.";
  const decided = broker === undefined ? "" : " The broker decides at each refresh.";
  return [`${paint("green", shown + decided)} Shown in ${seconds(elapsedMs)}; nothing is left behind.`];
}
