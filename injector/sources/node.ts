import type { SourceKind } from "./source-kind.ts";

/** The node's own role, by its metadata service: kube2iam's and kiam's model. */
export const node: SourceKind = {
  name: "node",
  defaultPolicy: "enforce",
  alwaysEnforces: false,
  callsSts: true,
  firstCall: "AssumeRole",
  isRoleSession: true,
  opensGuard: true,
  env: () => [],
  startsFrom: () => "the node's own role",
  principalRemedy: "Give --principal with the ARN of the nodes' role.",
};
