import { ENV } from "../contract/env.ts";
import { AWS_REGION } from "../contract/session.ts";
import { defaulted } from "../kit/defaults.ts";
import { httpOrigin, optional, required, text, type Parsed } from "../kit/env.ts";
import { certificates } from "../kit/pem.ts";
import { PROXY_FIELDS, proxyOf } from "../kit/proxy-env.ts";
import { sessionName, type PodIdentity } from "../kit/session-name.ts";
import type { StsEndpoint } from "../sts/client.ts";

/** How a sidecar calls STS. */
export interface StsCalls extends StsEndpoint {
  readonly sessionName: string;
}

/** The variables that a source reads which calls STS. */
export const STS_FIELDS = {
  region: required(ENV.region, region),
  endpoint: required(ENV.stsEndpoint, httpOrigin),
  ca: optional(ENV.stsCa, certificates, undefined),
  proxy: PROXY_FIELDS,
  template: defaulted(ENV.sessionName, text),
};

export const stsCalls = (
  { template, proxy, ...where }: Parsed<typeof STS_FIELDS>,
  pod: PodIdentity,
): StsCalls => ({ ...where, proxy: proxyOf(proxy), sessionName: sessionName(template, pod) });

function region(raw: string): string {
  if (!AWS_REGION.test(raw)) throw new Error("must be an AWS region, such as eu-west-1");
  return raw;
}
