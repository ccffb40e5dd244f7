import { BROKER } from "../../sidecar/contract/broker.ts";
import type { SourceKind } from "./source-kind.ts";
import { tokenMount, tokenVolume } from "./token-volume.ts";

/** The broker, which makes the sessions of all pods: the one identity in the cluster that roles trust. */
export const broker: SourceKind = {
  name: "broker",
  defaultPolicy: "enforce",
  alwaysEnforces: true,
  callsSts: false,
  firstCall: "AssumeRole",
  // It may be a user's, whose sessions STS lets last longer. It need not be, and an hour is how long a withdrawn rule may go on.
  isRoleSession: true,
  opensGuard: false,
  // Both are settings, which the sidecar gets as such.
  env: () => [],
  volume: { of: (audience) => tokenVolume(audience, BROKER.tokenSeconds), mount: tokenMount },
  audience: BROKER.audience,
  startsFrom: () => "the broker's identity",
  principalRemedy:
    "Give --principal with the ARN of the broker's role or user: podrole check prints it (BROKER_IDENTITY).",
  problem: ({ brokerUrl }) =>
    brokerUrl === undefined ? "needs brokerUrl, which the chart sets where broker.enabled" : undefined,
  missing: ({ brokerCa }) =>
    brokerCa === undefined
      ? {
          code: "BROKER_CA_MISSING",
          message: "The settings have no CA by which a sidecar could know the broker.",
          remedy:
            "Try again in some seconds: the controller writes brokerCa into podrole-config. If it does not come, ask a cluster admin to look at the controller's log.",
        }
      : undefined,
};
