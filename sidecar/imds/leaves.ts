import { accountId, roleName } from "../sts/arn.ts";
import { toWire, type Credentials } from "../sts/credentials.ts";
import type { Facts } from "../config/imds-facts.ts";
import { ec2Json, type Content } from "./pages.ts";

/** What one path answers with. Undefined: there is no such path after all. It may reject with a CodedError. */
export type Leaf = () => Content | undefined | Promise<Content | undefined>;

export interface LeafDeps {
  /** The pod's own role. A request for metadata names no container, so there is only this one. */
  readonly roleArn: string;
  readonly facts: Facts;
  /** @throws CodedError */
  readonly credentials: () => Promise<Credentials>;
  /** When the facts were read, in milliseconds since the epoch. */
  readonly knownSince: number;
}

export const ROLES = "meta-data/iam/security-credentials";

/**
 * Every path below a version that answers with more than a list. Requests are compared with exactly these strings, so no
 * other spelling reaches anything; `user-data` is not among them, under any name.
 */
export function leavesOf(deps: LeafDeps): ReadonlyMap<string, Leaf> {
  const fixed = Object.entries(factPaths(deps.roleArn, deps.facts)).flatMap(([path, body]) =>
    body === undefined ? [] : [[path, () => ({ body, modifiedAt: deps.knownSince })] as const],
  );
  return new Map<string, Leaf>([
    ...fixed,
    ["meta-data/iam/info", async () => info(deps.roleArn, await deps.credentials())],
    [`${ROLES}/${roleName(deps.roleArn)}`, async () => credentialsDocument(await deps.credentials())],
  ]);
}

function factPaths(roleArn: string, facts: Facts): Readonly<Record<string, string | undefined>> {
  const [, partition = "aws"] = roleArn.split(":");
  return {
    "meta-data/ami-id": facts.imageId,
    "meta-data/hostname": facts.hostname,
    "meta-data/instance-id": facts.instanceId,
    "meta-data/instance-type": facts.instanceType,
    "meta-data/ipv6": facts.ipv6,
    "meta-data/local-hostname": facts.hostname,
    "meta-data/local-ipv4": facts.localIpv4,
    "meta-data/mac": facts.mac,
    "meta-data/placement/availability-zone": facts.availabilityZone,
    "meta-data/placement/availability-zone-id": facts.availabilityZoneId,
    "meta-data/placement/region": facts.region,
    "meta-data/services/domain": DOMAIN[partition],
    "meta-data/services/partition": partition,
    "dynamic/instance-identity/document": identityDocument(accountId(roleArn), facts),
  };
}

const DOMAIN: Readonly<Record<string, string>> = {
  aws: "amazonaws.com",
  "aws-cn": "amazonaws.com.cn",
  "aws-us-gov": "amazonaws.com",
  "aws-eusc": "amazonaws.eu",
};

/** The pod's, and unsigned: a client that needs proof asks for the signature, which does not exist here. */
function identityDocument(account: string, facts: Facts): string {
  const fields = {
    accountId: account,
    availabilityZone: facts.availabilityZone,
    imageId: facts.imageId,
    instanceId: facts.instanceId,
    instanceType: facts.instanceType,
    privateIp: facts.localIpv4,
    region: facts.region,
    version: "2017-09-30",
  };
  const known = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  return ec2Json(Object.fromEntries(known));
}

/** Tools read account and partition from this ARN. There is no real instance profile, so its id is left out. */
function info(roleArn: string, { issuedAt }: Credentials): Content {
  const fields = {
    Code: "Success",
    LastUpdated: `${new Date(issuedAt).toISOString().slice(0, 19)}Z`,
    InstanceProfileArn: roleArn.replace(":role/", ":instance-profile/"),
  };
  return { body: ec2Json(fields), modifiedAt: issuedAt };
}

/** EC2's seven fields, without the two that only the container endpoint has. */
function credentialsDocument(credentials: Credentials): Content {
  const { AccountId: _account, RoleArn: _role, ...fields } = toWire(credentials);
  return { body: ec2Json(fields), modifiedAt: credentials.issuedAt };
}
