import type { BrokerAnswer, BrokerFacts } from "./broker-facts.ts";
import type { Row } from "./table.ts";

/** Of the summary, what a broker makes different. Pure. */
export const brokerRows = ({
  call,
  otherRole,
  notInjected,
  withdrawn,
  withoutBroker,
}: BrokerFacts): readonly Row[] => [
  ...(call === undefined
    ? []
    : [
        [
          "its session was made by",
          call.caller ?? "unknown",
          `the broker: session name ${call.sessionName}, source identity ${call.sourceIdentity ?? "none"}`,
        ] satisfies Row,
      ]),
  ...answerRow("its token, for another role", otherRole, "a pod gets the roles that it was created with"),
  ...answerRow("a pod without the webhook", notInjected, "it has no annotation podrole.dev/status"),
  ...answerRow("its roles withdrawn", withdrawn, "at the sidecar's next refresh"),
  ...(withoutBroker === undefined
    ? []
    : [
        [
          "with the broker stopped",
          withoutBroker.arn ?? "unknown",
          "the app goes on with the credentials that its sidecar holds",
        ] satisfies Row,
      ]),
];

const answerRow = (what: string, answer: BrokerAnswer | undefined, why: string): readonly Row[] =>
  answer === undefined ? [] : [[what, `refused, ${answer.code ?? answer.error}`, why]];
