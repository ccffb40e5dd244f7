import type { SourceKind } from "./source-kind.ts";
import { tokenMount, tokenVolume } from "./token-volume.ts";

/** The pod's service account token, which IAM knows by the cluster's OIDC provider. */
export const webIdentity: SourceKind = {
  name: "web-identity",
  defaultPolicy: "listed",
  alwaysEnforces: false,
  callsSts: true,
  firstCall: "AssumeRoleWithWebIdentity",
  isRoleSession: false,
  opensGuard: false,
  // The token's path is what the sidecar assumes.
  env: () => [],
  volume: { of: (audience) => tokenVolume(audience, 3600), mount: tokenMount },
  startsFrom: () => "its service account's token",
};
