import { TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import type { SourceKind } from "./source-kind.ts";

/** The pod's service account token, which IAM knows by the cluster's OIDC provider. */
export const webIdentity: SourceKind = {
  name: "web-identity",
  defaultPolicy: "listed",
  firstCall: "AssumeRoleWithWebIdentity",
  isRoleSession: false,
  opensGuard: false,
  // The token's path is what the sidecar assumes.
  env: () => [],
  // In the sidecar alone. The kubelet renews the token at 80 % of its hour.
  volume: {
    of: (audience) => ({
      name: TOKEN_VOLUME.name,
      projected: {
        defaultMode: 0o644,
        sources: [
          {
            serviceAccountToken: {
              audience,
              expirationSeconds: 3600,
              path: TOKEN_VOLUME.file,
            },
          },
        ],
      },
    }),
    mount: { name: TOKEN_VOLUME.name, mountPath: TOKEN_VOLUME.mountPath, readOnly: true },
  },
  startsFrom: () => "its service account's token",
};
