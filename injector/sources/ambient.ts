import type { EnvVar } from "../model/pod.ts";
import type { SourceKind } from "./source-kind.ts";

/**
 * These keys alone. With the whole Secret as environment, whoever may write it in the pod's namespace could set
 * NODE_OPTIONS and run a program in the sidecar.
 */
const KEYS = [
  { key: "AWS_ACCESS_KEY_ID", optional: false },
  { key: "AWS_SECRET_ACCESS_KEY", optional: false },
  { key: "AWS_SESSION_TOKEN", optional: true },
] as const;

const fromSecret = (name: string, { key, optional }: (typeof KEYS)[number]): EnvVar => ({
  name: key,
  valueFrom: { secretKeyRef: { name, key, ...(optional ? { optional } : {}) } },
});

/** Keys that an admin has put into a Secret of the pod's namespace, for the sidecar alone. */
export const ambient: SourceKind = {
  name: "ambient",
  defaultPolicy: "enforce",
  firstCall: "AssumeRole",
  isRoleSession: false,
  opensGuard: false,
  env: ({ ambientSecret }) =>
    ambientSecret === undefined ? [] : KEYS.map((key) => fromSecret(ambientSecret, key)),
  startsFrom: ({ ambientSecret }) => `the keys in Secret ${ambientSecret ?? "(none)"}`,
  principalRemedy:
    "Give --principal with the ARN of the role or user whose keys the Secret holds: aws sts get-caller-identity tells it.",
  problem: ({ ambientSecret }) =>
    ambientSecret === undefined ? "needs ambientSecret: there is no identity to start from" : undefined,
};
