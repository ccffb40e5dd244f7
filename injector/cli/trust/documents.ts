import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { trustOfCaller, type Call } from "./assumed.ts";
import { trustOfBroker, type BrokerIdentity } from "./broker.ts";
import { joined, type DocumentName, type PolicyDocument } from "./document.ts";
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
 * need of the same caller is one policy, and so is what several needs ask of one role.
 * @throws CodedError `PARTITIONS_DIFFER`, `PROVIDER_MISSING`, `PRINCIPAL_MISSING`
 */
export function documentsFor(needs: readonly Need[], parties: Parties): readonly PolicyDocument[] {
  const calls = needs.flatMap((need) => callsOf(need, parties));
  const byCaller = Map.groupBy(calls, ({ caller }) => caller?.arn);
  const byRole = Map.groupBy(calls, ({ role }) => role);
  const documents = calls.flatMap((call) => {
    const ofCaller = byCaller.get(call.caller?.arn) ?? [];
    const ofRole = byRole.get(call.role) ?? [];
    return [
      ...(ofCaller[0] === call ? permissionsOf(ofCaller, parties) : []),
      ...(ofRole[0] === call ? [trustFor(call.role, ofRole, parties)] : []),
    ];
  });
  return [...documents, ...ofBroker(parties)].map((one) => ({
    ...one,
    warnings: [...one.warnings, ...aboutLength(one)],
  }));
}

export interface PlacedCall extends Call {
  readonly need: Need;
  readonly isLast: boolean;
  /** Who makes it; undefined where a token does. */
  readonly caller: Caller | undefined;
}

/** @throws CodedError `PRINCIPAL_MISSING`, `PARTITIONS_DIFFER` */
export const callsOf = (need: Need, parties: Parties): readonly PlacedCall[] =>
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
  return [
    {
      document,
      of: caller.arn,
      ...permissions(calls, caller),
      ...permissionsCommand(caller, calls, document),
    },
  ];
}

/** @param calls all that ask for the role */
function trustFor(role: RoleArn, calls: readonly PlacedCall[], parties: Parties): PolicyDocument {
  const document = calls.every(({ isLast }) => isLast) ? "trust" : "hub-trust";
  const parts = alike(calls, parties).map(([call, subjects]) => {
    const { need, caller } = call;
    if (caller !== undefined) return trustOfCaller(call, caller, subjects);
    return federated(role, { subjects, audience: need.audience, by: "sidecar" }, providerIn(parties));
  });
  return { document, of: role, command: trustCommand(nameOf(role), document), ...joined(parts) };
}

/** Calls that IAM does not tell apart but by the service account, each with all of its service accounts. */
function alike(
  calls: readonly PlacedCall[],
  { provider }: Parties,
): readonly (readonly [PlacedCall, readonly Subject[]])[] {
  const groups = Map.groupBy(calls, ({ need, caller, step: { externalId, tags }, source, sourceIdentity }) =>
    JSON.stringify([caller?.arn ?? [provider, need.audience], source, externalId, tags, sourceIdentity]),
  );
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map((first) => [first, distinct(group.flatMap(({ need }) => need.subjects))] as const),
  );
}

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
  const [role, ...others] = new Set(calls.map((one) => nameOf(one.role)));
  const policy = others.length === 0 ? `assume-${role}` : "assume-roles-of-pods";
  return {
    command: `aws iam put-${caller.kind}-policy --${caller.kind}-name ${caller.name} --policy-name ${policy} --policy-document file://${file}.json`,
  };
}

const missingPrincipal = (source: Source): CodedError =>
  new CodedError("PRINCIPAL_MISSING", `Source ${source} needs to know whom roles have to trust.`, {
    remedy: SOURCE_KINDS[source].principalRemedy ?? "Give --principal.",
  });

export function providerIn({ provider }: Parties): Provider {
  if (provider === undefined) throw missingProvider();
  return provider;
}

const missingProvider = (): CodedError =>
  new CodedError("PROVIDER_MISSING", "Source web-identity needs the cluster's OIDC issuer.", {
    remedy:
      "Give --oidc-issuer with the issuer of kubectl get --raw /.well-known/openid-configuration, or --oidc-provider, or a kubeconfig of the cluster.",
  });
