/**
 * EC2's instance metadata service, IPv4 and IPv6. Not its neighbours: 169.254.169.253 is the VPC's DNS server and
 * 169.254.169.123 its clock, and a pod needs both.
 */
export const METADATA_ADDRESSES = ["169.254.169.254", "fd00:ec2::254"] as const;

/** What closes them on a node, to be copied. Tokens are required, and answers with one go no further than the node. */
export const CLOSE_COMMAND =
  "aws ec2 modify-instance-metadata-options --instance-id ID --http-tokens required --http-put-response-hop-limit 1";

/** Neighbours of the metadata service that every pod needs, and what each is. The guard blocks none of them. */
export const NEVER_BLOCKED: Readonly<Record<string, string>> = {
  "169.254.169.253": "the VPC's DNS server",
  "fd00:ec2::253": "the VPC's DNS server",
  "169.254.169.123": "the clock that AWS gives",
  "fd00:ec2::123": "the clock that AWS gives",
};

/** `block`: nothing answers at the metadata addresses. `emulate`: the sidecar does, at TCP port 80. */
export const IMDS_MODES = ["block", "emulate"] as const;
export type ImdsMode = (typeof IMDS_MODES)[number];

/** Whether the sidecar's endpoint answers a GET without a token (IMDSv1) like one with a token. */
export const IMDS_V1 = ["denied", "allowed"] as const;
export type ImdsV1 = (typeof IMDS_V1)[number];

const NAME = /^[A-Za-z0-9](?:[\w.-]{0,251}[A-Za-z0-9])?$/;
const OCTET = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";

/**
 * The facts that the emulated service may be given about where the pod runs, and the form of each. Label values, host names
 * and AWS's own ids all consist of the characters of a name.
 */
export const IMDS_FACTS = {
  region: NAME,
  availabilityZone: NAME,
  availabilityZoneId: NAME,
  instanceId: /^i-[0-9a-f]{8,32}$/,
  instanceType: NAME,
  /** The pod's own addresses. */
  localIpv4: new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`),
  ipv6: /^[0-9a-f:.]{2,45}$/,
  hostname: NAME,
  imageId: NAME,
  mac: /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/,
} as const satisfies Readonly<Record<string, RegExp>>;
export type ImdsFact = keyof typeof IMDS_FACTS;

/** The variable with a label of the pod, which ENV.imdsFacts refers to: `PODROLE_IMDS_FACT_INSTANCE_TYPE`. */
export const imdsFactVariable = (fact: ImdsFact): string =>
  `PODROLE_IMDS_FACT_${fact.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
