import { TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import { SOURCES, type Source } from "../../../sidecar/contract/session.ts";
import { coded, CodedError } from "../../../sidecar/kit/errors.ts";
import type { BrokerIdentityType } from "../../model/broker-identity.ts";
import { own } from "../../model/read.ts";
import { BROKER } from "../live/deployment.ts";
import type { Parties } from "./calls.ts";
import type { PartyOptions } from "./options.ts";
import { parsePrincipal } from "./principal.ts";
import { parseIssuer, parseProviderArn, type Provider } from "./provider.ts";
import { parseSubject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/**
 * Whom to trust, from the command line or from the cluster.
 * @param sources of all pods: namespaces may have different ones
 * @throws CodedError `USAGE` for an option that none of them reads, and for two that would share one `--principal`
 */
export async function partiesFrom(options: PartyOptions, ...sources: readonly Source[]): Promise<Parties> {
  const startsAsCaller = (one: Source): boolean => SOURCE_KINDS[one].principalRemedy !== undefined;
  const [byCaller, ...others] = new Set(sources.filter(startsAsCaller));
  // Without one, the needs of both are said to miss it.
  if (byCaller !== undefined && others.length > 0 && options.principal !== undefined)
    throw sharedPrincipal([byCaller, ...others]);
  const byToken = !sources.every(startsAsCaller);
  const isBroker = byCaller !== undefined && !SOURCE_KINDS[byCaller].callsSts;
  refuseUnread(options, { byCaller, byToken, isBroker });
  const provider = byToken ? { provider: await providerOf(options) } : {};
  if (isBroker) return { ...provider, ...(await brokerFrom(options, provider)) };
  const { principal } = options;
  return { ...provider, ...(principal === undefined ? {} : { caller: parsePrincipal(principal) }) };
}

const sharedPrincipal = (sources: readonly Source[]): CodedError =>
  new CodedError(
    "USAGE",
    `Sources ${sources.join(" and ")} start as different roles or users, and --principal names one.`,
    {
      remedy:
        "Choose pods of one of them: give the manifests of its namespaces with -f; for trust-policy, name the objects or a role with --role; for migrate, a namespace with -n NAME.",
    },
  );

/** Whom the sources trust. */
interface Trusted {
  /** The source that trusts a `--principal`. */
  readonly byCaller: Source | undefined;
  /** Whether some source trusts the OIDC provider. */
  readonly byToken: boolean;
  readonly isBroker: boolean;
}

function refuseUnread(options: PartyOptions, { byCaller, byToken, isBroker }: Trusted): void {
  const { principal, brokerIdentity, brokerAudience, oidcIssuer, oidcProvider } = options;
  if (!isBroker && (brokerIdentity ?? brokerAudience) !== undefined) {
    throw new CodedError("USAGE", "--broker-identity and --broker-audience are for source broker.", {
      remedy: "Take them off, or add --source broker.",
    });
  }
  if (byCaller === undefined && principal !== undefined) {
    throw new CodedError(
      "USAGE",
      "Source web-identity trusts the cluster's OIDC provider, and no --principal.",
      {
        remedy: `Take --principal off, or choose another --source: ${SOURCES.join(", ")}.`,
      },
    );
  }
  if (!byToken && !isBroker && (oidcIssuer ?? oidcProvider) !== undefined) {
    throw new CodedError("USAGE", `Source ${byCaller} trusts a --principal, and no OIDC provider.`, {
      remedy: "Give --principal, or choose --source web-identity.",
    });
  }
}

/** The broker's own role or user and, where its trust policy is to be printed, how the broker becomes it. */
async function brokerFrom(
  options: PartyOptions,
  known: { readonly provider?: Provider },
): Promise<Pick<Parties, "caller" | "broker">> {
  const { principal, document, oidcIssuer, oidcProvider, brokerAudience, podroleNamespace } = options;
  const caller = principal === undefined ? undefined : parsePrincipal(principal);
  const type = brokerTypeOf(options);
  // The pods' own roles may need the issuer, whatever the broker's does.
  const issuer = known.provider === undefined ? (oidcIssuer ?? oidcProvider) : undefined;
  if (type !== "web-identity" && (brokerAudience ?? issuer) !== undefined) {
    const given = issuer === undefined ? "--broker-audience" : "An OIDC issuer or provider";
    throw new CodedError(
      "USAGE",
      `${given} is for a broker with identity web-identity, and this one has ${type}.`,
      { remedy: "Take it off, or choose --broker-identity web-identity." },
    );
  }
  if (caller === undefined || (document !== undefined && document !== "broker-trust")) {
    return caller === undefined ? {} : { caller };
  }
  if (type !== "web-identity") return { caller, broker: { type } };
  const namespace = parseSubject(podroleNamespace, BROKER).namespace;
  const audience = brokerAudience ?? TOKEN_VOLUME.audience;
  const provider = known.provider ?? (await providerOfBroker(options));
  return { caller, broker: { type, provider, audience, namespace } };
}

/**
 * How the broker becomes its own role or user.
 * @throws CodedError `PRINCIPAL_INVALID`
 */
export const brokerTypeOf = ({ brokerIdentity, principal }: PartyOptions): BrokerIdentityType =>
  brokerIdentity ??
  (principal !== undefined && parsePrincipal(principal).kind === "role" ? "web-identity" : "secret");

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
