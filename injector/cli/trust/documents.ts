import type { RoleArn } from "../../model/arn.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import { trustOfCaller, type Call } from "./assumed.ts";
import { trustOfBroker } from "./broker.ts";
import { callsOf, providerIn, type Need, type Parties, type PlacedCall } from "./calls.ts";
import { joined, type DocumentName, type PolicyDocument } from "./document.ts";
import { federated } from "./federated.ts";
import { aboutLength } from "./length.ts";
import { permissions } from "./permissions.ts";
import { nameOf, type Caller } from "./principal.ts";
import { distinct, type Subject } from "./subject.ts";

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
