import type { Settings } from "./settings.ts";

/** The domains of an AWS partition's endpoints. */
interface Domains {
  readonly single: string;
  readonly dualStack: string;
}

const COMMERCIAL: Domains = { single: "amazonaws.com", dualStack: "api.aws" };

/** By the start of a region's name; all other regions are commercial ones. `podrole.stsDomains` in the chart has the same. */
const DOMAINS: Readonly<Record<string, Domains>> = {
  "us-gov": COMMERCIAL,
  cn: { single: "amazonaws.com.cn", dualStack: "api.amazonwebservices.com.cn" },
  "eusc-de": { single: "amazonaws.eu", dualStack: "api.amazonwebservices.eu" },
  "us-iso": { single: "c2s.ic.gov", dualStack: "api.aws.ic.gov" },
  "us-isob": { single: "sc2s.sgov.gov", dualStack: "api.aws.scloud" },
  "us-isof": { single: "csp.hci.ic.gov", dualStack: "api.aws.hci.ic.gov" },
  "eu-isoe": { single: "cloud.adc-e.uk", dualStack: "api.cloud-aws.adc-e.uk" },
};

/** `us-isob-east-1`: the start, one word, a number. */
const startOf = (region: string): string => /^(.+)-[a-z]+-\d+$/.exec(region)?.[1] ?? "";

/**
 * Where a sidecar calls STS: scheme, host and, if it is not the usual one, port. Never the global endpoint. These are the endpoint
 * rules of the AWS SDK's STS client, which tests compare for all regions: the SDK itself would take 4 MiB of every injector's
 * memory. They refuse no region: every partition has FIPS and dual-stack endpoints. The admission policy has the same rules.
 */
export function stsEndpointOf(
  region: string,
  { stsEndpoint, stsFips, stsDualStack }: Pick<Settings, "stsEndpoint" | "stsFips" | "stsDualStack">,
): string {
  if (stsEndpoint !== undefined) return stsEndpoint;
  const start = startOf(region);
  const { single, dualStack } = (Object.hasOwn(DOMAINS, start) ? DOMAINS[start] : undefined) ?? COMMERCIAL;
  // In GovCloud, the usual endpoints are FIPS endpoints, too.
  const ownFips = stsFips && (stsDualStack || start !== "us-gov");
  return `https://${ownFips ? "sts-fips" : "sts"}.${region}.${stsDualStack ? dualStack : single}`;
}
