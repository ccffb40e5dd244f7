import { getCACertificates } from "node:tls";
import { CodedError } from "../../sidecar/kit/errors.ts";
import type { BaseRoleArn } from "../model/arn.ts";
import type { Secret } from "../../sidecar/kit/secret.ts";
import type { ProxyFailure } from "../../sidecar/kit/tunnel.ts";
import { baseOf, baseUnknown } from "./base-of-caller.ts";
import type { InjectorConfig } from "./installation.ts";
import { proxyAgents } from "./proxy-agents.ts";
import { stsEndpointOf } from "./sts-endpoint.ts";
import { stsProxyOf } from "./sts-proxy.ts";

/** STS answers in some 100 ms; the SDK tries three times. */
const TIMEOUT_MS = 10_000;

type StsSettings = Pick<
  InjectorConfig,
  "region" | "stsEndpoint" | "stsFips" | "stsDualStack" | "stsCa" | "stsProxy" | "stsNoProxy"
>;

/**
 * The base ARN of the account that the injector itself is in, as STS tells it: `baseRoleArn: auto`. Roles with a path
 * still need theirs in the annotation.
 * @param proxyCredentials `user:password`, for a proxy that asks for them
 * @throws CodedError `BASE_ROLE_UNKNOWN` where STS cannot be asked: without it, every role given by name would be refused
 */
export async function discoverBaseRoleArn(
  config: StsSettings,
  proxyCredentials?: Secret,
): Promise<BaseRoleArn> {
  const { region = "us-east-1", stsEndpoint, stsFips, stsDualStack, stsCa } = config;
  const ca = stsCa === undefined ? undefined : [...getCACertificates("default"), stsCa];
  const origin = stsProxyOf(stsEndpointOf(region, config), config);
  const proxy = origin === undefined ? undefined : { origin, credentials: proxyCredentials };
  const proxied = proxy && proxyAgents(proxy, ca);
  // Loaded here only: the SDK takes 4 MiB of every injector's memory.
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient({
    region,
    useFipsEndpoint: stsFips,
    useDualstackEndpoint: stsDualStack,
    ...(stsEndpoint === undefined ? {} : { endpoint: stsEndpoint }),
    ...(proxied === undefined && ca === undefined
      ? {}
      : { requestHandler: proxied?.agents ?? { httpsAgent: { ca } } }),
  });
  try {
    const { Arn = "" } = await client.send(new GetCallerIdentityCommand(), {
      abortSignal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return baseOf(Arn);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw baseUnknown(
      `The injector could not ask STS for its own identity (${whyOf(error, proxied?.failure())})`,
    );
  } finally {
    proxied?.close();
    client.destroy();
  }
}

/** Never the error's own text. */
function whyOf(error: unknown, failure: ProxyFailure | undefined): string {
  switch (failure?.kind) {
    case "proxy-unreachable":
      return `stsProxy cannot be reached: ${failure.why}`;
    case "proxy-refused":
      return failure.status === undefined
        ? "stsProxy did not answer as an HTTP proxy does"
        : `stsProxy answered HTTP ${failure.status}`;
    case undefined:
      return error instanceof Error ? error.name : "unknown error";
  }
}
