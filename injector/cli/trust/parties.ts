import { SOURCES } from "../../../sidecar/contract/session.ts";
import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import { own } from "../../model/read.ts";
import type { Need, Parties } from "./documents.ts";
import type { Options } from "./options.ts";
import { parsePrincipal } from "./principal.ts";
import { parseIssuer, parseProviderArn, type Provider } from "./provider.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** Whom to trust, from the command line or from the cluster. */
export const partiesFrom = async (options: Options, need: Need): Promise<Parties> =>
  SOURCE_KINDS[need.source].principalRemedy === undefined
    ? { provider: await providerFrom(options, need) }
    : callerFrom(options, need);

async function providerFrom(options: Options, { source }: Need): Promise<Provider> {
  const { oidcIssuer, oidcProvider, principal } = options;
  if (oidcIssuer !== undefined && oidcProvider !== undefined) {
    throw new CodedError("USAGE", "--oidc-issuer and --oidc-provider mean the same: give one of them.");
  }
  if (principal !== undefined) {
    throw new CodedError(
      "USAGE",
      `Source ${source} trusts the cluster's OIDC provider, and no --principal.`,
      {
        remedy: `Take --principal off, or choose another --source: ${SOURCES.join(", ")}.`,
      },
    );
  }
  if (oidcProvider !== undefined) return parseProviderArn(oidcProvider);
  if (oidcIssuer !== undefined) return parseIssuer(oidcIssuer, "--oidc-issuer");
  return issuerOfCluster(options);
}

/** The issuer that the API server publishes for those who verify its tokens. */
async function issuerOfCluster(options: Options): Promise<Provider> {
  const { withCluster } = await import("../live/cluster.ts");
  const PATH = "/.well-known/openid-configuration";
  try {
    return await withCluster(options, async ({ read, server }) => {
      const issuer = own((await read(PATH)) ?? {}, "issuer");
      if (typeof issuer !== "string") throw new Error(`the API server ${server} names none at ${PATH}`);
      return parseIssuer(issuer, `as the API server ${server} names it`);
    });
  } catch (error) {
    const { code, message } = coded(error);
    if (code === "ISSUER_INVALID") throw error;
    throw new CodedError(
      "PROVIDER_MISSING",
      `The cluster's OIDC issuer is not known: ${message.replace(/\.$/, "")}.`,
      {
        remedy: `Give --oidc-issuer with the issuer that kubectl get --raw ${PATH} shows, or --oidc-provider.`,
        cause: error,
      },
    );
  }
}

function callerFrom({ principal, oidcIssuer, oidcProvider }: Options, { source }: Need): Parties {
  if (oidcIssuer !== undefined || oidcProvider !== undefined) {
    throw new CodedError("USAGE", `Source ${source} trusts a --principal, and no OIDC provider.`, {
      remedy: "Give --principal, or choose --source web-identity.",
    });
  }
  return principal === undefined ? {} : { caller: parsePrincipal(principal) };
}
