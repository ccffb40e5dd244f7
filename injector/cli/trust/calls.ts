import type { Source, Step } from "../../../sidecar/contract/session.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { parseRoleArn, type RoleArn } from "../../model/arn.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import type { Call } from "./assumed.ts";
import type { BrokerIdentity } from "./broker.ts";
import { callerOfRole, samePartition, type Caller } from "./principal.ts";
import type { Provider } from "./provider.ts";
import type { Subject } from "./subject.ts";

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

/** Whom the policies trust; several where the needs have different sources. */
export interface Parties {
  /** Of a source that starts with the service account's token. */
  readonly provider?: Provider;
  /** Of the one other source: whom the sidecar, or the broker, starts as. */
  readonly caller?: Caller;
  /** How the broker becomes that; absent where its own trust policy is not asked for. */
  readonly broker?: BrokerIdentity;
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
    const call = { need, role, step, source, sourceIdentity, isLast };
    // The parties may have a caller all the same: of another need's source.
    if (byToken) return { ...call, caller: undefined };
    const caller = before === undefined ? parties.caller : callerOfRole(roleOf(before));
    if (caller === undefined) throw missingPrincipal(source);
    samePartition(role, caller.partition, caller.arn);
    return { ...call, caller };
  });

const roleOf = ({ roleArn }: Step): RoleArn => {
  const role = parseRoleArn(roleArn);
  if (role === undefined) throw new CodedError("INTERNAL", `${roleArn} is no role.`);
  return role;
};

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
