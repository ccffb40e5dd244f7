import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import type { Source, Step as Call } from "../../../sidecar/contract/session.ts";
import { fallbackRegion, type RoleArn } from "../../model/arn.ts";
import type { Answers } from "../../decide/trace.ts";
import { type Around, type Step } from "./step.ts";
import { decideAudience } from "../../decide/audience.ts";
import { stsEndpointOf } from "../../config/sts-endpoint.ts";
import { stsProxyOf } from "../../config/sts-proxy.ts";
import { annotation } from "../../model/annotations.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** Which STS calls lead to the role, and what the session is like. */
export function sessionSteps(
  { request, sessionName, steps, findings }: Answers["session"],
  source: Source,
  role: RoleArn,
  { pod, facts, config }: Around,
): readonly Step[] {
  const { audience, by: audienceBy } = decideAudience(facts, { ...config, source });
  const { volume, callsSts, startsFrom } = SOURCE_KINDS[source];
  const isUsual = volume === undefined || !callsSts || audience === TOKEN_VOLUME.audience;
  const ofToken = isUsual ? "" : `, of audience ${audience} by ${audienceBy}`;
  const byBroker = callsSts
    ? ""
    : `; the sidecar calls ${config.brokerUrl ?? "the broker"} alone, with a token of audience ${audience}`;
  const problems = findings.filter(({ severity }) => severity === "deny").map(({ message }) => message);
  const { annotations } = pod.metadata ?? {};
  /** The annotation that is set, or what stands in for it. */
  const by = (fallback: string, ...keys: readonly string[]): string => {
    const key = keys.find((one) => annotation(annotations, one) !== undefined);
    return key === undefined ? fallback : `annotation ${key}`;
  };
  const region = request.region ?? fallbackRegion(role);
  const proxy = stsProxyOf(stsEndpointOf(region, config), config);
  const regionBy =
    config.region === undefined
      ? "the role's partition, as the setting region is not set"
      : "the setting region";
  const seconds = steps.at(-1)?.durationSeconds ?? request.durationSeconds;
  return [
    {
      id: "calls",
      question: "Which STS calls lead to it?",
      answer: callsOf(steps, source) || "none",
      because:
        problems.length > 0 ? problems.join(" ") : `starting from ${startsFrom(config)}${ofToken}${byBroker}`,
    },
    {
      id: "session",
      question: "What is its session like?",
      answer: `name ${request.sessionName}, ${seconds} seconds, STS of ${region}${proxy === undefined ? "" : ` through ${proxy}`}`,
      because: [
        `name by ${sessionName.by}`,
        `length by ${by("the setting sessionDuration", ANNOTATION.sessionDuration)}${seconds === request.durationSeconds ? "" : ", cut to what STS allows a chained session"}`,
        `region by ${by(regionBy, ANNOTATION.region)}`,
      ].join("; "),
    },
  ];
}

/** The name of the call that a step is, by its place. */
const callName = (index: number, source: Source): string =>
  index === 0 ? SOURCE_KINDS[source].firstCall : "AssumeRole";

const tagKeys = ({ tags = {}, transitiveTagKeys = [] }: Call): string =>
  Object.keys(tags)
    .map((key) => (transitiveTagKeys.includes(key) ? `${key} (handed down)` : key))
    .join(", ");

const callsOf = (calls: readonly Call[], source: Source): string =>
  calls
    .map((call, index) => {
      const extras = [
        ...(call.externalId === undefined ? [] : ["external id"]),
        ...(call.policy === undefined ? [] : ["session policy"]),
        ...(call.policyArns === undefined ? [] : [`session policies ${call.policyArns.join(", ")}`]),
        ...(call.tags === undefined ? [] : [`session tags ${tagKeys(call)}`]),
      ];
      const withExtras = extras.length === 0 ? "" : ` with ${extras.join(" and ")}`;
      const which = index === calls.length - 1 ? "that role" : call.roleArn;
      return `${callName(index, source)} of ${which}${withExtras}`;
    })
    .join(", then ");
