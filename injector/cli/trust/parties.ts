import { TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import { SOURCES, type Source } from "../../../sidecar/contract/session.ts";
import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import { own } from "../../model/read.ts";
import { BROKER } from "../live/deployment.ts";
import type { Parties } from "./calls.ts";
import type { PartyOptions } from "./options.ts";
import { parsePrincipal } from "./principal.ts";
import { parseIssuer, parseProviderArn, type Provider } from "./provider.ts";
import { parseSubject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** Whom to trust, from the command line or from the cluster. */
export async function partiesFrom(options: PartyOptions, source: Source): Promise<Parties> {
  const { callsSts, principalRemedy } = SOURCE_KINDS[source];
  if (!callsSts) return brokerFrom(options);
  const ofBroker = options.brokerIdentity ?? options.brokerAudience;
  if (ofBroker !== undefined) {
    throw new CodedError("USAGE", "--broker-identity and --broker-audience are for source broker.", {
      remedy: "Take them off, or add --source broker.",
    });
  }
  return principalRemedy === undefined
    ? { provider: await providerFrom(options, source) }
    : callerFrom(options, source);
}

/** The broker's own role or user and, where its trust policy is to be printed, how the broker becomes it. */
async function brokerFrom(options: PartyOptions): Promise<Parties> {
  const { principal, document, oidcIssuer, oidcProvider, brokerAudience, podroleNamespace } = options;
  const caller = principal === undefined ? undefined : parsePrincipal(principal);
  const type = options.brokerIdentity ?? (caller?.kind === "role" ? "web-identity" : "secret");
  const ofTokens = oidcIssuer ?? oidcProvider ?? brokerAudience;
  if (type !== "web-identity" && ofTokens !== undefined) {
    throw new CodedError(
      "USAGE",
      `--oidc-issuer, --oidc-provider and --broker-audience are for a broker with identity web-identity, and this one has ${type}.`,
      { remedy: "Take them off, or choose --broker-identity web-identity." },
    );
  }
  if (caller === undefined || (document !== undefined && document !== "broker-trust")) {
    return caller === undefined ? {} : { caller };
  }
  if (type !== "web-identity") return { caller, broker: { type } };
  const namespace = parseSubject(podroleNamespace, BROKER).namespace;
  const audience = brokerAudience ?? TOKEN_VOLUME.audience;
  return { caller, broker: { type, provider: await providerOfBroker(options), audience, namespace } };
}

async function providerOfBroker(options: PartyOptions): Promise<Provider> {
  try {
    return await providerOf(options);
  } catch (error) {
    const { code, message, remedy = "" } = coded(error);
    if (code !== "PROVIDER_MISSING") throw error;
    throw new CodedError(code, message, {
      remedy: `${remedy} Or say how else the broker gets its identity, by --broker-identity; or print the other policies alone, such as --document trust.`,
      cause: error,
    });
  }
}

async function providerFrom(options: PartyOptions, source: Source): Promise<Provider> {
  const { principal } = options;
  if (principal !== undefined) {
    throw new CodedError(
      "USAGE",
      `Source ${source} trusts the cluster's OIDC provider, and no --principal.`,
      {
        remedy: `Take --principal off, or choose another --source: ${SOURCES.join(", ")}.`,
      },
    );
  }
  return providerOf(options);
}

async function providerOf(options: PartyOptions): Promise<Provider> {
  const { oidcIssuer, oidcProvider } = options;
  if (oidcIssuer !== undefined && oidcProvider !== undefined) {
    throw new CodedError("USAGE", "--oidc-issuer and --oidc-provider mean the same: give one of them.");
  }
  if (oidcProvider !== undefined) return parseProviderArn(oidcProvider);
  if (oidcIssuer !== undefined) return parseIssuer(oidcIssuer, "--oidc-issuer");
  return issuerOfCluster(options);
}

/** The issuer that the API server publishes for those who verify its tokens. */
async function issuerOfCluster(options: PartyOptions): Promise<Provider> {
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

function callerFrom({ principal, oidcIssuer, oidcProvider }: PartyOptions, source: Source): Parties {
  if (oidcIssuer !== undefined || oidcProvider !== undefined) {
    throw new CodedError("USAGE", `Source ${source} trusts a --principal, and no OIDC provider.`, {
      remedy: "Give --principal, or choose --source web-identity.",
    });
  }
  return principal === undefined ? {} : { caller: parsePrincipal(principal) };
}
