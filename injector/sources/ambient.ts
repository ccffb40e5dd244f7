import type { EnvVar } from "../model/pod.ts";
import type { SourceKind } from "./source-kind.ts";

/**
 * Only these keys. If the whole Secret became environment variables, a user who may write it could set NODE_OPTIONS and run
 * a program in the sidecar.
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

/** AWS keys from a Secret that an admin has put into the pod's namespace. Only the sidecar gets them. */
export const ambient: SourceKind = {
  name: "ambient",
  defaultPolicy: "enforce",
  alwaysEnforces: false,
  callsSts: true,
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
