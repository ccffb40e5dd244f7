import { ENV } from "../../sidecar/contract.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { ROLE } from "./credentials.ts";

/** The least that `podrole-sidecar serve` needs. */
export function sidecarEnv(): Env {
  return {
    [ENV.source]: "web-identity",
    [ENV.steps]: JSON.stringify([{ roleArn: ROLE }]),
    [ENV.region]: "eu-west-1",
    [ENV.webIdentityTokenFile]: "/var/run/secrets/podrole.dev/token/token",
    [ENV.tokenSha256]: "ab".repeat(32),
    [ENV.namespace]: "billing",
    [ENV.serviceAccount]: "reader",
    [ENV.podName]: "api-0",
    [ENV.podUid]: "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968",
  };
}
