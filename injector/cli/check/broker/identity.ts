import type { CheckFacts } from "../facts.ts";
import { fail, judged, listed, ok, skip, warn, type CheckResult, type Results } from "../result.ts";
import { BROKER } from "../../live/deployment.ts";
import { whereUsed } from "./used.ts";
import type { Readyz } from "./readyz.ts";

const CODE = "BROKER_IDENTITY";

/** Whom AWS takes the broker for, by its own `GetCallerIdentity`. Roles have to trust it. */
export const brokerIdentityCheck = whereUsed(({ brokerReadyz, podroleNamespace }: CheckFacts): Results => {
  const none = skip(CODE, `no replica of ${podroleNamespace}/${BROKER} runs`);
  return judged(CODE, brokerReadyz, none, (replicas) => {
    const results = [...unready(replicas, podroleNamespace), ...identities(replicas)];
    return results.length > 0 ? results : notAsked(replicas, podroleNamespace);
  });
});

const unready = (replicas: readonly Readyz[], namespace: string): readonly CheckResult[] => {
  const some = replicas.flatMap((one) => (one.kind === "unready" ? [one] : []));
  return [...Map.groupBy(some, ({ said }) => said)].map(([said, group]) =>
    fail(
      CODE,
      `${listed(group.map(({ pod }) => pod))} ${group.length === 1 ? "is" : "are"} not ready: ${said.replace(/\.$/, "")}.`,
      `See kubectl -n ${namespace} logs deployment/${BROKER}, and the chart's value broker.identity.`,
    ),
  );
};

function identities(replicas: readonly Readyz[]): readonly CheckResult[] {
  const ready = replicas.flatMap((one) => (one.kind === "ready" ? [one] : []));
  if (ready.length === 0) return [];
  const known = new Set(
    ready.flatMap(({ identity }) => (identity === undefined ? [] : [principalOf(identity)])),
  );
  const [principal, ...others] = [...known];
  if (principal === undefined) {
    const message = "The broker is ready, but STS has not told it yet who it is (GetCallerIdentity).";
    return [warn(CODE, message, "See the broker's log, and metric podrole_broker_identity_info.")];
  }
  if (others.length > 0) {
    const message = `The replicas have different identities: ${listed([...known])}. A role trusts one of them.`;
    return [fail(CODE, message, "Give all replicas one identity: see the chart's value broker.identity.")];
  }
  const answered =
    ready.length === replicas.length ? "" : `, by ${ready.length} of ${replicas.length} replicas`;
  const path = ready.some(({ identity }) => identity !== principal)
    ? ", with the role's path if it has one"
    : "";
  const message = `To AWS the broker is ${principal}${answered}. Roles have to trust it: podrole trust-policy --source broker --principal ${principal}${path}.`;
  return [{ ...ok(CODE, message), principal }];
}

/** The role of a session, which is what a trust policy names. A session's ARN leaves out the path of its role. */
function principalOf(identity: string): string {
  const { partition, account, role } =
    /^arn:(?<partition>[a-z-]+):sts::(?<account>\d{12}):assumed-role\/(?<role>[^/]+)\//.exec(identity)
      ?.groups ?? {};
  return role === undefined ? identity : `arn:${partition}:iam::${account}:role/${role}`;
}

function notAsked(replicas: readonly Readyz[], namespace: string): Results {
  const [first] = replicas;
  const instead = `kubectl -n ${namespace} port-forward deployment/${BROKER} 8080, then curl localhost:8080/readyz, shows it`;
  if (first === undefined) return skip(CODE, `no replica of ${namespace}/${BROKER} runs`);
  if (first.kind === "forbidden") {
    return skip(
      CODE,
      `the kubeconfig's user may not get pods/proxy in ${namespace}, by which the broker is asked; ${instead}`,
    );
  }
  const why = first.kind === "unreached" ? first.why.replace(/\.$/, "") : "";
  return skip(
    CODE,
    `the API server does not reach the broker's pods (${why}), as where a network policy keeps it out; ${instead}`,
  );
}
