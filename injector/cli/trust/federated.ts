import { accountOf, partitionOf, type RoleArn } from "../../model/arn.ts";
import { policyOf, type Condition, type Explained, type PolicyDocument, type Warning } from "./document.ts";
import { samePartition } from "./principal.ts";
import { whyPrivate, type Provider } from "./provider.ts";
import { aboutSubjects, isWild, named, subOf, type Subject } from "./subject.ts";

interface Tokens {
  readonly subjects: readonly Subject[];
  readonly audience: string;
  /** Who calls STS with them. */
  readonly by: "sidecar" | "broker";
}

/** Trust in service accounts themselves, by their tokens: the pods', or the broker's own. */
export function federated(
  role: RoleArn,
  { subjects, audience, by }: Tokens,
  provider: Provider,
): Pick<PolicyDocument, "policy" | "explanation" | "warnings"> {
  const { hostPath, from } = provider;
  const { arn, account } = providerFor(role, provider);
  const statement = (some: readonly Subject[], operator: keyof Condition): Explained[] => {
    const subs = some.map(subOf);
    const [first] = subs;
    if (first === undefined) return [];
    const exact = { [`${hostPath}:aud`]: audience };
    const sub = { [`${hostPath}:sub`]: subs.length === 1 ? first : subs };
    return [
      {
        statement: {
          Sid: operator === "StringLike" ? "PodsOfServiceAccountsLike" : "PodsOfServiceAccount",
          Effect: "Allow",
          Principal: { Federated: arn },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition:
            operator === "StringLike"
              ? { StringEquals: exact, StringLike: sub }
              : { StringEquals: { ...exact, ...sub } },
        },
        lines: {
          "Principal.Federated": `The cluster's OIDC issuer https://${hostPath} (${from}), as it is registered in IAM in account ${account}. aws iam list-open-id-connect-providers shows whether it is.`,
          Action: `The call that the ${by} makes with ${by === "broker" ? "its own" : "the pod's"} service account token. It takes no session tags.`,
          [`Condition.StringEquals.${hostPath}:aud`]: `Only tokens made for AWS, of this audience. The provider has to be registered with it, in every partition.`,
          [`Condition.${operator}.${hostPath}:sub`]:
            operator === "StringLike"
              ? `Pods of every service account whose name fits ${subs.join(" or ")}.`
              : `Only pods of service account${subs.length === 1 ? "" : "s"} ${some.map(named).join(", ")}. Without this line every pod of the cluster could have the role.`,
        },
      },
    ];
  };
  const exactOnes = subjects.filter((subject) => !isWild(subject));
  const parts = [
    ...statement(exactOnes, "StringEquals"),
    ...statement(subjects.filter(isWild), "StringLike"),
  ];
  const elsewhere = account === accountOf(role) ? [] : [ELSEWHERE(account, accountOf(role))];
  return {
    ...policyOf(parts),
    warnings: [...aboutSubjects(subjects), ...aboutIssuer(provider, by), ...elsewhere],
  };
}

/**
 * The provider as the role's account has it, where nothing names another account.
 * @throws CodedError `PARTITIONS_DIFFER`
 */
export function providerFor(
  role: RoleArn,
  provider: Provider,
): { readonly arn: string; readonly account: string } {
  const partition = provider.partition ?? partitionOf(role);
  const account = provider.account ?? accountOf(role);
  const arn = `arn:${partition}:iam::${account}:oidc-provider/${provider.hostPath}`;
  samePartition(role, partition, arn);
  return { arn, account };
}

function aboutIssuer(provider: Provider, by: Tokens["by"]): readonly Warning[] {
  const why = whyPrivate(provider);
  const issuer = `https://${provider.hostPath}`;
  const orElse = by === "broker" ? ", or give the broker another identity, by --broker-identity" : "";
  return [
    ...(why === undefined
      ? []
      : [
          {
            code: "ISSUER_PRIVATE" as const,
            message: `AWS has to fetch the keys of ${issuer} from the internet, and ${why}: set the API server's --service-account-issuer to one that is public${orElse}.`,
          },
        ]),
    ...(issuer.endsWith("/")
      ? [
          {
            code: "ISSUER_SLASH" as const,
            message: `${issuer} ends in a slash: keep it only if tokens name their issuer so and the provider is registered so.`,
          },
        ]
      : []),
  ];
}

const ELSEWHERE = (provider: string, role: string): Warning => ({
  code: "PROVIDER_ELSEWHERE",
  message: `The provider is in account ${provider} and the role in ${role}: a role can trust a provider of its own account only, so register the issuer there too.`,
});
