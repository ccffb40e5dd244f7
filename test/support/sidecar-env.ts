import { createHash } from "node:crypto";
import { ENV, NO_GUARD } from "../../sidecar/contract/env.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { ROLE } from "./credentials.ts";

const POD_UID = "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968";

/** The pod's own identity, as the injector writes it. */
export function podIdentity(
  steps: readonly unknown[] = [{ roleArn: ROLE }],
  tokenSha256: string = "ab".repeat(32),
  tokenFile?: string,
): Env {
  return { [ENV.identities]: JSON.stringify([{ name: POD_IDENTITY, tokenFile, tokenSha256, steps }]) };
}

export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");

/** The same in source `broker`. */
export const brokerEnv = ({ url, ca }: { readonly url: string; readonly ca: string }): Env => ({
  [ENV.source]: "broker",
  [ENV.brokerUrl]: url,
  [ENV.brokerCa]: ca,
  ...podIdentity(),
  [ENV.blockedAddresses]: NO_GUARD,
  [ENV.podUid]: POD_UID,
});

/** The minimal variables for `podrole-sidecar serve`. */
export function sidecarEnv(): Env {
  return {
    [ENV.source]: "web-identity",
    ...podIdentity(),
    [ENV.region]: "eu-west-1",
    [ENV.stsEndpoint]: "https://sts.eu-west-1.amazonaws.com",
    // There is no guard around a test.
    [ENV.blockedAddresses]: NO_GUARD,
    [ENV.webIdentityTokenFile]: "/run/podrole/sts/token",
    [ENV.namespace]: "billing",
    [ENV.serviceAccount]: "reader",
    [ENV.podName]: "api-0",
    [ENV.podUid]: POD_UID,
  };
}
