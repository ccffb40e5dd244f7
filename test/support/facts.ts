import { NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { parseBaseRoleArn, parseRoleArn, type BaseRoleArn, type RoleArn } from "../../injector/model/arn.ts";
import type { Cluster, Facts } from "../../injector/model/facts.ts";
import { parseGrant, type Grant } from "../../injector/model/grant.ts";
import { readLimitRange, type LimitRange } from "../../injector/model/limit-range.ts";
import { isRecord } from "../../injector/model/read.ts";

/** An ARN for tests; a malformed one fails the test. */
export function role(arn: string): RoleArn {
  const parsed = parseRoleArn(arn);
  if (parsed === undefined) throw new Error(`${arn} is no role ARN`);
  return parsed;
}

export function base(arn: string): BaseRoleArn {
  const parsed = parseBaseRoleArn(arn);
  if (parsed === undefined) throw new Error(`${arn} is no base ARN`);
  return parsed;
}

export const ACCOUNT = "arn:aws:iam::111122223333:role/";
export const BILLING = role(`${ACCOUNT}billing-reader`);

interface Surroundings {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Annotations of the pod's service account; absent: there is no such account. */
  readonly account?: Readonly<Record<string, string>>;
  readonly grants?: readonly Grant[];
  readonly limitRanges?: readonly LimitRange[];
}

/** A labelled, empty namespace `shop`, with the test's changes. */
export const facts = ({ labels, annotations, account, grants, limitRanges }: Surroundings = {}): Facts => ({
  namespace: {
    name: "shop",
    labels: { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value, ...labels },
    annotations: annotations ?? {},
  },
  serviceAccount: account && { name: "default", annotations: account },
  grants: grants ?? [],
  limitRanges: limitRanges ?? [],
});

/** A RoleGrant as a cluster admin writes its spec. */
export const grant = (name: string, spec: unknown): Grant => parseGrant({ metadata: { name }, spec });

/** A LimitRange `limits` of namespace `shop`. */
export const limitRange = (...limits: readonly object[]): LimitRange =>
  readLimitRange({ metadata: { namespace: "shop", name: "limits" }, spec: { limits } });

export const clusterOf = (known: Facts): Cluster => ({ facts: () => Promise.resolve(known) });

/** Parsed from JSON as in the server, so that `__proto__` is an ordinary key. */
export function json(text: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new Error("not an object");
  return parsed;
}
