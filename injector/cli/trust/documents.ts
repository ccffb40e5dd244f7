import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { trustOfCaller, type Call } from "./assumed.ts";
import { trustOfBroker, type BrokerIdentity } from "./broker.ts";
import type { DocumentName, PolicyDocument } from "./document.ts";
import { federated } from "./federated.ts";
import { aboutLength } from "./length.ts";
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
 * Every policy that the calls need, in the order of the calls. Pure. No policy trusts anybody whom no need names. What several roles
 * need of the same caller is one policy.
 * @throws CodedError `PARTITIONS_DIFFER`, `PROVIDER_MISSING`, `PRINCIPAL_MISSING`
 */
export function documentsFor(needs: readonly Need[], parties: Parties): readonly PolicyDocument[] {
  const calls = needs.flatMap((need) => callsOf(need, parties));
  const byCaller = Map.groupBy(calls, ({ caller }) => caller?.arn);
  const documents = calls.flatMap((call) => {
    const ofCaller = byCaller.get(call.caller?.arn) ?? [];
    return [...(ofCaller[0] === call ? permissionsOf(ofCaller, parties) : []), trustFor(call, parties)];
  });
  return distinctDocuments([...documents, ...ofBroker(parties)]).map((one) => ({
    ...one,
    warnings: [...one.warnings, ...aboutLength(one)],
  }));
}

/** The trust policy of a hub role is the same for each role behind it. */
const distinctDocuments = (documents: readonly PolicyDocument[]): readonly PolicyDocument[] => [
  ...new Map(documents.map((one) => [`${one.document} ${one.of}`, one])).values(),
];

interface PlacedCall extends Call {
  readonly need: Need;
  readonly isLast: boolean;
  /** Who makes it; undefined where a token does. */
  readonly caller: Caller | undefined;
}

const callsOf = (need: Need, parties: Parties): readonly PlacedCall[] =>
  need.steps.map((step, index): PlacedCall => {
    const { source } = need;
    const role = roleOf(step);
    const isLast = index === need.steps.length - 1;
    const sourceIdentity = need.sourceIdentity && isLast;
    const before = need.steps[index - 1];
    const byToken = index === 0 && SOURCE_KINDS[source].firstCall === "AssumeRoleWithWebIdentity";
    const caller = before === undefined ? parties.caller : callerOfRole(roleOf(before));
    if (caller === undefined && !byToken) throw missingPrincipal(source);
    if (caller !== undefined) samePartition(role, caller.partition, caller.arn);
    return { need, role, step, source, sourceIdentity, isLast, caller: byToken ? undefined : caller };
  });

/** @param calls all of one caller's */
function permissionsOf(calls: readonly PlacedCall[], parties: Parties): readonly PolicyDocument[] {
  const [first] = calls;
  const caller = first?.caller;
  if (first === undefined || caller === undefined) return [];
  const ofFirst = SOURCE_KINDS[first.source].callsSts ? "caller-permissions" : "broker-permissions";
  const document = caller === parties.caller ? ofFirst : "hub-permissions";
  const distinctCalls = distinctRoles(calls);
  return [
    {
      document,
      of: caller.arn,
      ...permissions(distinctCalls, caller),
      ...permissionsCommand(caller, distinctCalls, document),
    },
  ];
}

function trustFor(call: PlacedCall, parties: Parties): PolicyDocument {
  const { need, role, isLast, caller } = call;
  const subjects = distinct(need.subjects);
  const document = isLast ? "trust" : "hub-trust";
  const trusted = { document, of: role, command: trustCommand(nameOf(role), document) } as const;
  if (caller !== undefined) return { ...trusted, ...trustOfCaller(call, caller, subjects) };
  const tokens = { subjects, audience: need.audience, by: "sidecar" } as const;
  return { ...trusted, ...federated(role, tokens, providerIn(parties)) };
}

const distinctRoles = (calls: readonly PlacedCall[]): readonly PlacedCall[] => [
  ...new Map(calls.map((call) => [call.role, call])).values(),
];

function ofBroker({ caller, broker }: Parties): readonly PolicyDocument[] {
  if (caller === undefined || broker === undefined) return [];
  const trusting = trustOfBroker(caller, broker);
  const command = trustCommand(caller.name, "broker-trust");
  return trusting === undefined ? [] : [{ document: "broker-trust", of: caller.arn, ...trusting, command }];
}

const roleOf = ({ roleArn }: Step): RoleArn => {
  const role = parseRoleArn(roleArn);
  if (role === undefined) throw new CodedError("INTERNAL", `${roleArn} is no role.`);
  return role;
};

const trustCommand = (roleName: string, document: DocumentName): string =>
  `aws iam update-assume-role-policy --role-name ${roleName} --policy-document file://${document}.json`;

function permissionsCommand(
  caller: Caller,
  calls: readonly Call[],
  file: string,
): { readonly command?: string } {
  if (caller.kind === "account") return {};
  const [role, ...others] = calls.map((one) => nameOf(one.role));
  const policy = others.length === 0 ? `assume-${role}` : "assume-roles-of-pods";
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
