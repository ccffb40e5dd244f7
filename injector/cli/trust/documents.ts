import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { permissions, trustOfCaller } from "./assumed.ts";
import type { PolicyDocument, Warning } from "./document.ts";
import { federated } from "./federated.ts";
import { callerOfRole, nameOf, samePartition, type Caller } from "./principal.ts";
import type { Provider } from "./provider.ts";
import { distinct, type Subject } from "./subject.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";

/** A role, the service accounts that need it, and the STS calls that lead to it. */
export interface Need {
  readonly role: RoleArn;
  readonly source: Source;
  /** Of the service account's token, where the source starts with it. */
  readonly audience: string;
  /** The last one is the call for the role itself. */
  readonly steps: readonly Step[];
  readonly subjects: readonly Subject[];
}

/** Whom the policies trust. */
export interface Parties {
  /** Of a source that starts with the service account's token. */
  readonly provider?: Provider;
  /** Of the other sources: whom the sidecar starts as. */
  readonly caller?: Caller;
}

/**
 * Every policy that the calls need, in the order of the calls. Pure. No policy trusts anybody whom the need does not name.
 * @throws CodedError `PARTITIONS_DIFFER`, `PROVIDER_MISSING`, `PRINCIPAL_MISSING`
 */
export function documentsFor(need: Need, parties: Parties): readonly PolicyDocument[] {
  const subjects = distinct(need.subjects);
  const documents = need.steps.flatMap((step, index): PolicyDocument[] => {
    const role = roleOf(step);
    const last = index === need.steps.length - 1;
    const trusted = {
      document: last ? "trust" : "hub-trust",
      of: role,
      command: trustCommand(role, last),
    } as const;
    if (index === 0 && SOURCE_KINDS[need.source].firstCall === "AssumeRoleWithWebIdentity") {
      return [{ ...trusted, ...federated(role, { subjects, audience: need.audience }, providerIn(parties)) }];
    }
    const before = need.steps[index - 1];
    const caller = before === undefined ? parties.caller : callerOfRole(roleOf(before));
    if (caller === undefined) throw missingPrincipal(need.source);
    samePartition(role, caller.partition, caller.arn);
    const document = before === undefined ? "caller-permissions" : "hub-permissions";
    return [
      {
        document,
        of: caller.arn,
        ...permissions(role, step, caller),
        ...permissionsCommand(caller, role, document),
      },
      { ...trusted, ...trustOfCaller(step, caller, subjects, need.source) },
    ];
  });
  return documents.map((one) => ({ ...one, warnings: [...one.warnings, ...aboutLength(one)] }));
}

/** IAM's default quota for a trust policy. White space does not count. */
const TRUST_MAX = 2048;

function aboutLength({ document, policy }: PolicyDocument): readonly Warning[] {
  const { length } = JSON.stringify(policy);
  if (!document.endsWith("trust") || length <= TRUST_MAX) return [];
  const message = `The policy has ${length} characters, and IAM takes ${TRUST_MAX} unless the account's quota is raised (to 4096 at most): give some of these service accounts a role of their own.`;
  return [{ code: "POLICY_LONG", message }];
}

const roleOf = ({ roleArn }: Step): RoleArn => {
  const role = parseRoleArn(roleArn);
  if (role === undefined) throw new CodedError("INTERNAL", `${roleArn} is no role.`);
  return role;
};

const trustCommand = (role: RoleArn, last: boolean): string =>
  `aws iam update-assume-role-policy --role-name ${nameOf(role)} --policy-document file://${last ? "trust" : "hub-trust"}.json`;

function permissionsCommand(caller: Caller, role: RoleArn, file: string): { readonly command?: string } {
  if (caller.kind === "account") return {};
  const policy = `assume-${nameOf(role)}`;
  return {
    command: `aws iam put-${caller.kind}-policy --${caller.kind}-name ${caller.name} --policy-name ${policy} --policy-document file://${file}.json`,
  };
}

const missingPrincipal = (source: Source): CodedError =>
  new CodedError("PRINCIPAL_MISSING", `Source ${source} needs to know whom the sidecar starts as.`, {
    remedy: SOURCE_KINDS[source].principalRemedy ?? "Give --principal.",
  });

function providerIn({ provider }: Parties): Provider {
  if (provider === undefined) throw missingProvider();
  return provider;
}

const missingProvider = (): CodedError =>
  new CodedError("PROVIDER_MISSING", "Source web-identity needs the cluster's OIDC issuer.", {
    remedy:
      "Give --oidc-issuer with the issuer of kubectl get --raw /.well-known/openid-configuration, or --oidc-provider, or a kubeconfig of the cluster.",
  });
