import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { trustOfCaller } from "./assumed.ts";
import { trustOfBroker, type BrokerIdentity } from "./broker.ts";
import type { DocumentName, PolicyDocument, Warning } from "./document.ts";
import { federated } from "./federated.ts";
import { permissions } from "./permissions.ts";
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
  /** Whether the last call sets a SourceIdentity: only the broker's does. */
  readonly sourceIdentity: boolean;
}

/** Whom the policies trust. */
export interface Parties {
  /** Of a source that starts with the service account's token. */
  readonly provider?: Provider;
  /** Of the other sources: whom the sidecar, or the broker, starts as. */
  readonly caller?: Caller;
  /** How the broker becomes that; absent where its own trust policy is not asked for. */
  readonly broker?: BrokerIdentity;
}

/**
 * Every policy that the calls need, in the order of the calls. Pure. No policy trusts anybody whom the need does not name.
 * @throws CodedError `PARTITIONS_DIFFER`, `PROVIDER_MISSING`, `PRINCIPAL_MISSING`
 */
export function documentsFor(need: Need, parties: Parties): readonly PolicyDocument[] {
  const documents = [...ofCalls(need, parties), ...ofBroker(parties)];
  return documents.map((one) => ({ ...one, warnings: [...one.warnings, ...aboutLength(one)] }));
}

function ofBroker({ caller, broker }: Parties): readonly PolicyDocument[] {
  if (caller === undefined || broker === undefined) return [];
  const trusting = trustOfBroker(caller, broker);
  const command = trustCommand(caller.name, "broker-trust");
  return trusting === undefined ? [] : [{ document: "broker-trust", of: caller.arn, ...trusting, command }];
}

function ofCalls(need: Need, parties: Parties): readonly PolicyDocument[] {
  const { source } = need;
  const subjects = distinct(need.subjects);
  return need.steps.flatMap((step, index): PolicyDocument[] => {
    const role = roleOf(step);
    const last = index === need.steps.length - 1;
    const name = last ? "trust" : "hub-trust";
    const trusted = { document: name, of: role, command: trustCommand(nameOf(role), name) } as const;
    if (index === 0 && SOURCE_KINDS[source].firstCall === "AssumeRoleWithWebIdentity") {
      const tokens = { subjects, audience: need.audience, by: "sidecar" } as const;
      return [{ ...trusted, ...federated(role, tokens, providerIn(parties)) }];
    }
    const before = need.steps[index - 1];
    const caller = before === undefined ? parties.caller : callerOfRole(roleOf(before));
    if (caller === undefined) throw missingPrincipal(source);
    samePartition(role, caller.partition, caller.arn);
    const first = SOURCE_KINDS[source].callsSts ? "caller-permissions" : "broker-permissions";
    const document = before === undefined ? first : "hub-permissions";
    const call = { step, source, sourceIdentity: need.sourceIdentity && last };
    return [
      {
        document,
        of: caller.arn,
        ...permissions(role, call, caller),
        ...permissionsCommand(caller, role, document),
      },
      { ...trusted, ...trustOfCaller(call, caller, subjects) },
    ];
  });
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

const trustCommand = (roleName: string, document: DocumentName): string =>
  `aws iam update-assume-role-policy --role-name ${roleName} --policy-document file://${document}.json`;

function permissionsCommand(caller: Caller, role: RoleArn, file: string): { readonly command?: string } {
  if (caller.kind === "account") return {};
  const policy = `assume-${nameOf(role)}`;
  return {
    command: `aws iam put-${caller.kind}-policy --${caller.kind}-name ${caller.name} --policy-name ${policy} --policy-document file://${file}.json`,
  };
}

const missingPrincipal = (source: Source): CodedError =>
  new CodedError("PRINCIPAL_MISSING", `Source ${source} needs to know whom roles have to trust.`, {
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
