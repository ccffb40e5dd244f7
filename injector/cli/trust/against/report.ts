import { named } from "../subject.ts";
import { plain, wrapped } from "../../print/lines.ts";
import type { Paint } from "../../print/paint.ts";
import type { AskedCall, Presented } from "./asked.ts";
import type { ActionAnswer, Answer, CallAnswer, WhyNot } from "./judge.ts";
import type { TrustStatement } from "./policy.ts";
import type { Reason } from "./reason.ts";

/** A role may trust many; the nearest statements tell what is wrong. */
const STATEMENTS_MAX = 5;

const NOT_JUDGED =
  "This is the answer of the trust policy alone. Not judged: whether the provider is registered in IAM, the caller's own policies, boundaries and the organisation's policies.";

/** For a person. */
export function answersText(answers: readonly CallAnswer[], width: number, paint: Paint): string {
  const lines = [...answers.flatMap((one) => linesOf(one, width, paint)), ...wrapped(NOT_JUDGED, width, 0)];
  return `${lines.join("\n")}\n`;
}

const HEADS: Readonly<Record<Answer, readonly [string, "green" | "red" | "yellow"]>> = {
  "lets-in": ["lets in", "green"],
  refuses: ["does not let in", "red"],
  "cannot-tell": ["cannot be told whether it lets in", "yellow"],
};

function linesOf(answer: CallAnswer, width: number, paint: Paint): readonly string[] {
  const { call, actions } = answer;
  const [head, style] = HEADS[answer.answer];
  const asked = answer.answer === "lets-in" ? [] : ["  The call has:", ...askedLines(call.who)];
  return [
    ...wrapped(`The trust policy of ${call.role} ${head} ${whose(call)}.`, width, 0).map((line) =>
      paint(style, line),
    ),
    ...asked,
    ...actions.flatMap((one, index) => actionLines(one, knownBy(actions.slice(0, index)), width, paint)),
    ...answer.warnings.flatMap(({ code, message }) => [
      `  ${paint("yellow", "warn")}  ${code}`,
      ...wrapped(message, width, 8),
    ]),
    "",
  ];
}

const whose = ({ subject, document }: AskedCall): string => {
  if (subject.namespace === "") return "the nodes of the broker";
  return document === "broker-trust"
    ? `the broker (${named(subject)})`
    : `pods of service account ${named(subject)}`;
};

const askedLines = (who: Presented): readonly string[] =>
  Object.entries(presented(who)).map(([name, value]) => `    ${name.padEnd(9)} ${value}`);

/** What the call shows to IAM, by name. */
function presented(who: Presented): Readonly<Record<string, string>> {
  switch (who.kind) {
    case "token":
      return {
        provider: who.provider,
        issuer: `https://${who.hostPath}`,
        audience: who.audience,
        subject: who.sub,
      };
    case "caller":
      return { caller: who.caller.arn };
    case "service":
      return { service: who.name };
  }
}

function actionLines(
  { action, required, answer, by, why }: ActionAnswer,
  known: ReadonlySet<string>,
  width: number,
  paint: Paint,
): readonly string[] {
  if (answer === "lets-in" && by !== undefined)
    return [`  ${paint("green", "ok")}    ${action}, by ${nameOf(by)}`];
  const [word, style] = answer === "refuses" ? (["no", "red"] as const) : (["?", "yellow"] as const);
  const optional = required ? "" : " (the call is made without it)";
  const fresh = why.filter((one) => one.reasons.some((reason) => !known.has(keyOf(one, reason))));
  const rest = fresh.length - STATEMENTS_MAX;
  return [
    `  ${paint(required ? style : "yellow", word.padEnd(4))}  ${action}${optional}`,
    ...(why.length === 0 ? ["        No statement is an Allow."] : []),
    ...(why.length > 0 && fresh.length === 0 ? ["        For the same reasons."] : []),
    ...fresh.slice(0, STATEMENTS_MAX).flatMap((one) => whyLines(one, width)),
    ...(rest > 0 ? [`        ${rest} more statements do not allow it either.`] : []),
  ];
}

/** What has been said of the actions before. */
const knownBy = (actions: readonly ActionAnswer[]): ReadonlySet<string> =>
  new Set(
    actions.flatMap(({ why }) => why.flatMap((one) => one.reasons.map((reason) => keyOf(one, reason)))),
  );

const keyOf = ({ statement }: WhyNot, { code, at }: Reason): string => `${statement.index} ${code} ${at}`;

const whyLines = ({ statement, reasons }: WhyNot, width: number): readonly string[] => [
  `        ${nameOf(statement)}`,
  ...reasons.flatMap(({ code, at, text }) => [
    `          ${code}  ${plain(at)}`,
    ...wrapped(text, width, 12),
  ]),
];

const nameOf = ({ index, sid }: TrustStatement): string =>
  plain(`Statement[${index}]${sid === undefined ? "" : ` ${sid}`}`);

/** For a program. */
export const answersJson = (answers: readonly CallAnswer[]): readonly unknown[] =>
  answers.map((one) => ({
    document: one.call.document,
    role: one.call.role,
    for: one.call.subject.namespace === "" ? "nodes" : named(one.call.subject),
    answer: one.answer,
    presented: presented(one.call.who),
    actions: one.actions.map(({ action, required, answer, by, why }) => ({
      action,
      required,
      answer,
      ...(by === undefined ? {} : { by: { statement: by.index, sid: by.sid } }),
      why: why.map(({ statement, reasons }) => ({ statement: statement.index, sid: statement.sid, reasons })),
    })),
    warnings: one.warnings,
  }));
